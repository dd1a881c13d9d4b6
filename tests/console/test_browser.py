"""The pages in Chromium: what they show, what the keys do, what axe-core says, and a picture of each."""

from typing import TYPE_CHECKING, Final

import pytest

from scanner.console.rendering import LANGUAGE_COOKIE
from scanner.inline import drive
from tests.console.areas import pages
from tests.console.conftest import World, opened, serious_issues, shot
from tests.scanner.api.conftest import sound

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NARROW: Final = {"width": 360, "height": 740}
WIDE: Final = {"width": 1280, "height": 900}
OLDEST: Final[dict[str | None, dict[str, str]]] = {
    None: {"login": "/login", "check": "/check"},
    "reviewer": {"queue": "/queue", "case": "/cases/{case_id}", "track": "/tracks/{track_id}"},
    "admin": {
        "upload": "/upload",
        "users": "/admin/users",
        "keys": "/admin/keys",
        "webhooks": "/admin/webhooks?webhook={webhook_id}",
        "dead": "/admin/dead",
        "configuration": "/admin/configuration",
    },
    "auditor": {"audit": "/audit", "verify": "/audit/verify"},
    "policy_lead": {"packs": "/policies", "pack": "/policies/pack?id={pack}", "compare": "/policies/compare"},
}  # fmt: skip
WIDE_THINGS: Final = """() => {
  for (const each of document.querySelectorAll("main details:not([data-lazy])")) each.open = true;
  const room = document.documentElement.clientWidth, wide = document.documentElement.scrollWidth;
  if (wide <= room) return [];
  const inside = (each) => each.getBoundingClientRect().right <= room || each.closest("header, .scroll, pre");
  const out = [...document.querySelectorAll("body *")].filter((each) => !inside(each));
  return [`${wide} px wide`, ...out.map((each) => `${each.tagName}: ${each.textContent.trim().slice(0, 60)}`)];
}"""
"""Of a page that is wider than its window: what stands out at the end of the line."""
PAGES: Final = [("console", role, named) for role, named in OLDEST.items()] + pages()


@pytest.mark.parametrize(("area", "role", "named"), PAGES, ids=lambda each: str(each)[:30])
def test_no_page_has_a_serious_issue_wide_or_narrow_light_or_dark(
    world: World, browser: "Browser", area: str, role: str | None, named: dict[str, str]
) -> None:
    with opened(browser, world, role, viewport=WIDE, reduced_motion="reduce") as page:
        for name, path in named.items():
            page.goto(path.format_map(world.ids))
            if page.locator("[data-player]").count():
                page.wait_for_selector("[data-ready]")
            shot(page, f"{name}-wide")
            assert serious_issues(world, page) == [], name
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size(NARROW)
            shot(page, f"{name}-narrow-dark")
            assert serious_issues(world, page) == [], f"{name}, narrow and dark"
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], name
            assert _wide_things_in_german(page) == [], f"{name}, narrow and in German"
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(WIDE)


def _wide_things_in_german(page: "Page") -> list[str]:
    """Lay a page out with the longest words there are and everything unfolded, and name what doesn't fit."""
    german = {"name": LANGUAGE_COOKIE, "value": "de", "url": page.url}
    page.context.add_cookies([german])
    page.reload()
    assert page.get_attribute("html", "lang") == "de"
    found: list[str] = page.evaluate(WIDE_THINGS)
    page.context.clear_cookies(name=LANGUAGE_COOKIE)
    return found


def test_a_reviewer_goes_from_the_queue_to_the_sound_by_keys_alone(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "reviewer", viewport=WIDE) as page:
        page.keyboard.press("j")
        assert (
            page.evaluate("document.activeElement.textContent") == "night drive.wav"
        )  # it is theirs
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-ready]")
        assert "Blue Hour" in page.inner_text("main")

        page.locator("#content").focus()
        page.keyboard.press("Space")
        page.wait_for_selector('[data-play][aria-pressed="true"]')
        page.wait_for_selector("[data-reference-head].on", state="attached")
        page.keyboard.press("Space")
        page.wait_for_selector('[data-play][aria-pressed="false"]')
        page.keyboard.press("l")
        assert page.get_attribute("[data-loop]", "aria-pressed") == "false"

        page.keyboard.press("?")
        assert page.locator("#hints").is_visible()
        shot(page, "hints")
        page.keyboard.press("Escape")
        words = page.locator("[data-verdict] [name=text]")
        words.fill("")
        words.press_sequentially("? j l e 1")
        assert not page.locator("#hints").is_visible()
        assert words.input_value() == "? j l e 1"


def test_a_dropped_file_is_watched_through_its_stages_to_the_result(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "admin", viewport=WIDE) as page:
        page.goto("/upload")
        song = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": sound(31, 8)}
        page.set_input_files("#file", song)
        page.click("main form button")
        page.wait_for_url("**/tracks/*")
        assert page.inner_text(".stages .now") == "received"
        shot(page, "watching")
        drive(world.service, page.url.rsplit("/", 1)[1])
        page.wait_for_selector("[data-settled]")
        page.wait_for_selector("[data-ready]")
        assert "Nothing in the catalogue was found" in page.inner_text("main")
        assert serious_issues(world, page) == []


def test_a_file_that_is_no_audio_is_refused_on_the_page_that_sent_it(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "admin", viewport=NARROW) as page:
        page.goto("/upload")
        page.set_input_files(
            "#file", {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x" * 900}
        )
        page.click("main form button")
        page.wait_for_selector("#told .problem")
        assert page.url.endswith("/upload")
        shot(page, "refused")
        assert all("422" in told for told in world.complaints)
        world.complaints.clear()


def test_the_header_takes_one_line_and_its_lists_open_and_close_by_keys(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "admin", viewport=WIDE) as page:
        page.goto("/admin/webhooks")
        assert page.locator("header.top").bounding_box()["height"] < 80
        lists = page.locator("header summary:visible")
        assert lists.inner_text() == "Administration"
        assert "here" in (lists.get_attribute("class") or "")
        lists.focus()
        page.keyboard.press("Enter")
        assert page.locator("header a[href='/admin/holds']:visible").count() == 1
        page.keyboard.press("Escape")
        assert page.locator("header a[href='/admin/holds']:visible").count() == 0
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        page.set_viewport_size(NARROW)
        assert page.locator("header.top").bounding_box()["height"] < 130
        page.click("header summary:visible")
        shot(page, "menu-narrow")
        assert serious_issues(world, page) == []
        page.click("header a[href='/admin/holds']:visible")
        page.wait_for_url("**/admin/holds")
