"""The same form in the web server of Airflow 2.11, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from xchat_sandbox import running_sandbox


@pytest.fixture(scope="module")
def url(
    tmp_path_factory: pytest.TempPathFactory,
    oldest_home: Callable[..., Any],
    free_port: Callable[[], int],
    wait_for: Callable[..., None],
) -> Iterator[str]:
    port = free_port()
    home = oldest_home(tmp_path_factory.mktemp("old_form"), AIRFLOW__CORE__TEST_CONNECTION="Enabled")
    person = ["--firstname", "A", "--lastname", "User", "--email", "user@sandbox.invalid"]
    created = home.airflow("users", "create", "--username", "admin", "--password", "admin", "--role", "Admin", *person)
    assert created.status == 0, created.text
    with home.running("webserver", "--hostname", "127.0.0.1", "--port", str(port), "--workers", "1"):
        wait_for(f"http://127.0.0.1:{port}/health", 120)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def page(url: str, browser: Browser, pictures: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1240})
    page.goto(f"{url}/login/")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill("admin")
    page.locator("input[type=submit]").click()
    page.goto(f"{url}/connection/add")
    page.select_option("select#conn_type", "xchat")
    page.get_by_text("Refresh Token").first.wait_for()
    page.screenshot(path=pictures / "connection-form-2.11.png", animations="disabled")
    yield page
    page.close()


def test_it_shows_the_same_fields(page, form_of):
    form = form_of(page.locator("form").last, "extra__xchat__")
    form.is_complete()
    form.has_placeholders("host", "login", "password", "expires_at", "timeout")


def test_the_test_button(page):
    with running_sandbox() as sandbox:
        page.locator("#host").fill(sandbox.url)
        page.locator("#password").fill("sandbox-token")
        page.get_by_role("button", name="Test").click()
        page.get_by_text("X accepts the token.").wait_for()
