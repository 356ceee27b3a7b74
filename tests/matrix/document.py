"""docs/access-matrix.md from docs/access-matrix.toml."""

from tests.matrix.source import ALLOWED, SERVICES, Policy, Source

INTRODUCTION = """# Who may do what

Every route of the four services, for every kind of person, as `tests/matrix` sees the services answer.
Written by `.venv/bin/python -m tests.matrix` from [access-matrix.toml](access-matrix.toml): change that,
not this. A route that isn't in it fails the build, and so does one that answers otherwise.

Where a policy says what it asks for, the test also makes everybody there can be (role × profile × apps ×
rights × facturation on, off or not bought, legal information incomplete, second factor due, another
company, administered by its firm, another or none) and compares each answer with what the policy asks for.
The other policies depend on nothing but a session or a key.

✓ gets through · a number is the HTTP status of the refusal · *in* is sent to the sign-in page ·
*2nd* is led to enrolling a second factor. Other companies' things are asked for by their real ids.
"""

SHOWN = {ALLOWED: "✓", "sign-in": "*in*", "enrol": "*2nd*"}


def _demands(policy: Policy) -> str:
    if not policy.demands:
        return ""
    stranger = f"; others' things: {policy.stranger}" if policy.stranger else ""
    waived = f"; not for {', '.join(policy.waives)}" if policy.waives else ""
    return f" *Asks for: {', '.join(policy.demands)}{stranger}{waived}.*"


def written(source: Source) -> str:
    """The whole document."""
    lines = [INTRODUCTION, "## The people"]
    for number, (name, person) in enumerate(source.people.items(), 1):
        lines.append(f"{number}. **{name}**: {person.says}")
    for service in SERVICES:
        lines += ["", f"## {service.capitalize()}", ""]
        heads = [str(n) for n in range(1, len(source.people) + 1)]
        lines.append(f"| route | policy | {' | '.join(heads)} |")
        lines.append("|---|---|" + "---|" * len(heads))
        for route in source.routes:
            if route.service == service:
                answers = [route.answer_to(person) for person in source.people]
                cells = [SHOWN.get(a, a) for a in answers]
                lines.append(f"| `{route.name}` | {route.policy.name} | {' | '.join(cells)} |")
    lines += ["", "## The policies", ""]
    lines += [f"- **{p.name}**: {p.says}{_demands(p)}" for p in source.policies.values()]
    return "\n".join(lines) + "\n"
