"""The transparency report over HTTP, for auditors of the own platform."""

import csv
import io

import pytest

PATH = "/v1/reports/transparency"
YEAR = {"from": "2026-01-01", "to": "2026-12-31"}


def test_the_report_comes_as_json_csv_and_a_page(api) -> None:
    platform = api.platform()

    report = platform.http.get(PATH, params=YEAR)
    assert report.json()["platform"] == "one"
    table = platform.http.get(PATH, params=YEAR | {"format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert next(csv.reader(io.StringIO(table.text)))[0] == "section"
    page = platform.http.get(PATH, params=YEAR | {"format": "html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Transparency report of one" in page.text


def test_it_takes_the_scope_of_auditors(api) -> None:
    platform = api.platform()

    assert api.scoped(platform, "cases:read").get(PATH, params=YEAR).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "2027-01-01"},
        {"from": "soon"},
        {"format": "pdf"},
        {"to": "9999-12-31"},
        {"from": "0001-01-01"},
    ],
)
def test_a_period_or_form_that_makes_no_sense_is_said(api, wrong) -> None:
    answer = api.platform().http.get(PATH, params=YEAR | wrong)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/bad-fields"


def test_what_a_pilot_is_judged_by_is_told_to_auditors(api) -> None:
    platform = api.platform()

    told = platform.http.get("/v1/reports/kpis", params=YEAR).json()
    assert (told["from"], told["to"], told["minimum"]) == ("2026-01-01", "2026-12-31", 10)
    assert {each["name"]: (each["value"], each["n"]) for each in told["kpis"]} == dict.fromkeys(
        (
            "time_to_decision", "false_positive_rate", "overturn_rate", "time_to_first_track",
            "retention_after_generation", "creative_lift",
        ),
        (None, 0),
    )  # fmt: skip
    backwards = platform.http.get("/v1/reports/kpis", params=YEAR | {"to": "2025-01-01"})
    assert (backwards.status_code, backwards.json()["type"]) == (422, "/problems/bad-fields")
    assert (
        api.scoped(platform, "cases:read").get("/v1/reports/kpis", params=YEAR).status_code == 403
    )
