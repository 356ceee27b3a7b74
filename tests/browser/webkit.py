"""WebKit, Safari's engine: Debian's MiniBrowser, driven from a thread of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deploy.local.process import free_port

T = TypeVar("T")

DRIVER, DISPLAY = shutil.which("WebKitWebDriver"), shutil.which("xvfb-run")
BROWSER = Path("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser")
PATIENCE = 30.0
SANDBOX = {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"} if os.geteuid() == 0 else {}


def obstacle() -> str | None:
    """Why WebKit can't run here, or None."""
    if not DRIVER or not BROWSER.exists():
        return "WebKit: Debian's package webkit2gtk-driver"
    return None if DISPLAY and shutil.which("dbus-run-session") else "WebKit: xvfb, xauth and dbus"


@contextmanager
def started() -> Iterator[Any]:
    """A window; blocking, so call it and everything on it from a thread."""
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.options import Options

    port = free_port()
    driver = ["dbus-run-session", "--", str(DRIVER), f"--port={port}", "--host=127.0.0.1"]
    command = [str(DISPLAY), "-a", "--server-args=-screen 0 1280x1000x24", *driver]
    env = {**os.environ, **SANDBOX, "LIBGL_ALWAYS_SOFTWARE": "1", "LC_ALL": "C.UTF-8",
           "LANGUAGE": "fr"}  # fmt: skip
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )  # fmt: skip
    options = Options()
    options.binary_location = str(BROWSER)
    options.add_argument("--automation")
    try:
        _answering(port, process)
        window = webdriver.Remote(command_executor=f"http://127.0.0.1:{port}", options=options)
        try:
            yield window
        finally:
            window.quit()
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def _answering(port: int, process: "subprocess.Popen[bytes]") -> None:
    import socket

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("WebKit's driver doesn't answer")


@dataclass
class Window:
    """What a person does in it, and what is seen."""

    driver: Any
    base: str

    def go(self, path: str) -> None:
        self.driver.get(self.base + path)

    def fill(self, **fields: str) -> None:
        """By the name of the field, `.` written as `__`."""
        for name, value in fields.items():
            field = self.one(f"[name='{name.replace('__', '.')}']")
            field.clear()
            field.send_keys(value)

    def choose(self, name: str, label: str) -> None:
        """What the list's own menu would set; the menu itself is the desktop's, not the page's."""
        self.driver.execute_script(
            "const [list, label] = arguments;"
            "list.value = [...list.options].find(o => o.text.trim() === label).value;"
            "list.dispatchEvent(new Event('change', {bubbles: true}));",
            self.one(f"select[name='{name}']"),
            label,
        )

    def check(self, name: str) -> None:
        self.click(self.one(f"input[type=checkbox][name='{name}']"))

    def press(self, name: str) -> None:
        """The button of that name; returns when another page is there."""
        before = self.driver.find_element("tag name", "html")
        self.click(self.named("button", name))
        self.until(lambda: _gone(before))

    def click(self, element: Any) -> None:
        self.driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
        )
        element.click()

    def follow(self, name: str) -> None:
        before = self.driver.find_element("tag name", "html")
        self.named("a", name).click()
        self.until(lambda: _gone(before))

    def named(self, tag: str, name: str) -> Any:
        return self.driver.find_element("xpath", f'//{tag}[normalize-space()="{name}"]')

    def one(self, selector: str) -> Any:
        return self.until(lambda: self.driver.find_element("css selector", selector))

    def text(self, selector: str) -> str:
        return str(self.one(selector).text)

    def says(self, selector: str, words: str) -> None:
        """Wait until it does."""
        self.until(lambda: words in self.driver.find_element("css selector", selector).text)

    def until(self, check: Callable[[], T]) -> T:
        from selenium.common.exceptions import WebDriverException

        deadline, last = time.monotonic() + PATIENCE, ""
        while time.monotonic() < deadline:
            try:
                if found := check():
                    return found
            except WebDriverException as error:
                last = str(error.msg)
            time.sleep(0.05)
        body = self.driver.find_element("tag name", "body").text
        raise AssertionError(f"never came: {last}\n{self.driver.current_url}\n{body[:1500]}")


def _gone(element: Any) -> bool:
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    try:
        element.is_enabled()
    except (NoSuchElementException, StaleElementReferenceException):
        return True
    return False
