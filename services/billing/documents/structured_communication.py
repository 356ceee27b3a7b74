"""The Belgian structured communication: +++123/4567/89012+++, ten digits and two to check them (mod 97)."""

from stdnum.be import ogm_vcs
from stdnum.exceptions import ValidationError

LARGEST = 9_999_999_999


def format_communication(number: int) -> str:
    """The communication of a number from 0 to 9 999 999 999; ValueError for any other."""
    if not 0 <= number <= LARGEST:
        raise ValueError(
            f"a structured communication has ten digits; {number} is not from 0 to {LARGEST}"
        )
    check = number % 97 or 97
    digits = f"{number:010d}{check:02d}"
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"


def is_communication(text: str) -> bool:
    """Whether it is a structured communication with right check digits, however it is punctuated."""
    try:
        ogm_vcs.validate(text)
    except ValidationError:
        return False
    return True
