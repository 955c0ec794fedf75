"""Users, charts and the page of the load measurements are right; no figure is asserted here."""

from __future__ import annotations

import itertools
import os
import threading
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import charts, load, users
from benchmarks.charts import Limit
from benchmarks.load import Findings
from benchmarks.parts import Part
from benchmarks.service import Result
from benchmarks.users import Level, Until, at_once, percentile, scaling


@pytest.fixture
def server():
    """``server(status_of)``: the address of a server that answers so, and the bodies that it was sent."""
    running, bodies = [], []

    def start(status_of):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status = status_of(len(bodies))
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=running[-1].serve_forever).start()
        return f"http://127.0.0.1:{running[-1].server_port}", bodies

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


def test_every_user_sends_one_request_after_another_under_names_and_topics_of_its_own(server):
    url, bodies = server(lambda _: 201)
    level = at_once(url, os.getpid(), 3, lambda user, number: f"{user} {number}", Until(requests=4, seconds=60))
    assert (level.users, level.result.requests, level.result.errors) == (3, 12, 0)
    assert len(set(bodies)) == 12
    assert level.result.p50 <= level.result.p99
    assert level.resident_mb > 1


@pytest.mark.parametrize("status", [503, None])
def test_what_is_no_meme_is_an_error_and_the_user_goes_on(server, status):
    url, bodies = server(lambda number: status if number == 2 else 201)
    level = at_once(url, os.getpid(), 1, lambda _, number: f"{number}", Until(requests=4, seconds=60))
    assert (level.result.requests, level.result.errors, len(bodies)) == (4, 1, 4)


def test_users_stop_when_the_time_is_up(server):
    url, _ = server(lambda _: 201)
    level = at_once(url, os.getpid(), 1, lambda _, number: f"{number}", Until(seconds=0.2))
    assert level.result.requests >= 1


def test_uncached_topics_are_never_the_same_and_cached_ones_are_few_and_known_before(server):
    url, bodies = server(lambda _: 201)
    scaling(url, os.getpid(), (1, 2), Until(requests=10, seconds=60), cached=False)
    assert len({body.split('"user_id"')[0] for body in bodies}) == 30
    bodies.clear()
    scaling(url, os.getpid(), (1, 2), Until(requests=10, seconds=60), cached=True)
    topics = [body.split('"user_id"')[0] for body in bodies]
    assert len(set(topics)) == len(set(topics[: users.KNOWN])) == users.KNOWN


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.95, 10), (0.99, 10), (0.1, 1), (0.0, 1), (1.0, 10)])
def test_percentiles_are_nearest_ranks(share, expected):
    assert percentile(list(range(1, 11)), share) == expected


@pytest.mark.parametrize(
    ("most", "expected"), [(0, [0, 1]), (1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (7, [0, 2, 4, 6, 8]), (101, [0, 25, 50, 75, 100, 125])]
)
def test_ticks_are_round_and_reach_beyond_the_greatest_value(most, expected):
    assert charts.ticks(most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (0.000359, "0.000359"), (1.0, "1.00"), (34.56, "34.6"), (250, "250"), (1499, "1,499")]
)
def test_figures_have_three_digits_that_count(value, expected):
    assert charts.shown(value) == expected


def drawn(figure, tag):
    return [each.attrib for each in ET.fromstring(figure).iter(tag)]


def points(figure):
    return [[tuple(map(float, pair.split(","))) for pair in line["points"].split()] for line in drawn(figure, "polyline")]


def test_a_line_rises_with_its_figures_and_keeps_within_the_picture():
    [line] = points(charts.lines("rate", "users", [1, 2, 4], {"a": [0.0, 50.0, 100.0]}))
    heights = [y for _, y in line]
    assert heights[0] == charts.HEIGHT - charts.BOTTOM
    assert heights[2] == charts.TOP
    assert heights[1] == pytest.approx((heights[0] + heights[2]) / 2)
    assert [x for x, _ in line] == sorted({x for x, _ in line})


def test_a_limit_is_drawn_where_figures_come_near_it_and_left_out_where_they_do_not():
    def limits(most):
        figure = charts.lines("rate", "users", [1], {"a": [most]}, Limit(100.0, "wanted"))
        return [each for each in drawn(figure, "line") if each["class"] == "limit"]

    assert (len(limits(60.0)), len(limits(300.0)), len(limits(3.0))) == (1, 1, 0)


def test_labels_of_lines_that_end_together_do_not_stand_on_one_another():
    figure = charts.lines("rate", "users", [1], {name: [7.0] for name in "abcd"})
    heights = [float(each["y"]) for each in drawn(figure, "text") if each.get("class", "").startswith("label")]
    assert all(below - above >= 12 for above, below in itertools.pairwise(heights))


def test_a_series_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        charts.lines("rate", "users", [1, 2], {"a": [1.0]})


def test_a_bar_is_as_long_as_the_power_of_ten_that_it_stands_for():
    widths = [float(each["width"]) for each in drawn(charts.bars("cost", "ms", {"a": 1.0, "b": 10.0, "c": 100.0}), "rect")]
    assert widths[2] == pytest.approx(2 * widths[1])
    assert widths[0] == 1.0, "the least is still to be seen"


@pytest.mark.parametrize("values", [{}, {"a": 0.0}, {"a": -1.0, "b": 1.0}])
def test_what_has_no_place_on_a_logarithmic_scale_is_refused(values):
    with pytest.raises(ValueError, match="all above 0"):
        charts.bars("cost", "ms", values)


def findings():
    levels = [Level(n, Result(100 * n, n, 2.0, 0.01 * n, 0.02 * n, 0.03 * n, 1.5), 200.0 + n) for n in (1, 2)]
    return Findings(levels, levels, [Part("text & more", "a <text>", 1.25)], "here, load 1.0")


def test_the_page_is_well_formed_needs_no_other_file_and_shows_nothing_raw():
    page = load.as_page(findings())
    assert page.startswith("<!doctype html>")
    root = ET.fromstring(page.removeprefix("<!doctype html>"))
    assert len(list(root.iter("svg"))) == 8
    assert all(svg.attrib["aria-label"] for svg in root.iter("svg"))
    assert not {"script", "link", "img"} & {each.tag for each in root.iter()}
    cells = [each.text for each in root.iter("td")]
    assert load.row(findings().uncached[1])[3] in cells
    assert {"text & more", "a <text>"} <= set(cells)


def test_the_table_of_a_terminal_has_every_level_and_part():
    told = load.as_text(findings())
    assert told.count("\n             2") == 2
    assert "text & more" in told
    assert told.startswith("here, load 1.0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--users", "1,two"], "'1,two'; expected numbers of users"),
        (["--users", "0"], "'0'; expected numbers of users"),
        (["--users", "56"], "'56'; expected numbers of users"),
        (["--seconds", "nan"], "'nan'; expected seconds"),
        (["--seconds", "0"], "'0'; expected seconds"),
        (["--report", "no/such/folder/load.html"], "in a folder that exists"),
        (["--report", "."], "expected the name of a file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(arguments, expected, capsys, monkeypatch):
    monkeypatch.setattr(load, "measure", lambda *_: pytest.fail("it began"))
    with pytest.raises(SystemExit) as ended:
        load.main(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_the_command_prints_the_table_and_writes_the_page(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(load, "measure", lambda levels, seconds: findings())
    load.main(["--users", "1,2", "--seconds", "2", "--report", str(tmp_path / "load.html")])
    assert "requests/s" in capsys.readouterr().out
    assert (tmp_path / "load.html").read_text(encoding="utf-8") == load.as_page(findings())
