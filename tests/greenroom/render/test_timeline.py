"""The page of an execution: what is in it, that it is the same each time, and that a program's texts stay texts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pykka
import pytest

import greenroom
from greenroom.history import Event, History, Operation
from greenroom.render.chart import chart_data
from greenroom.render.operations import operations_view
from greenroom.render.timeline import timeline
from greenroom.render.waiting import Wait, cycle, waiting_figure, waits

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & \u2028 \u202e \x00 \x1b[31m \ud800 {{style}} --> ]]>"


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


class Asker(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.other = None

    def on_receive(self, message):
        if isinstance(message, pykka.ActorRef):
            self.other = message
            return None
        return self.other.ask(message) if message == "ask on" else message


def one_ask():
    echo = Echo.start()
    echo.ask("hello")
    echo.stop()


def each_asks_the_other():
    one, other = Asker.start(), Asker.start()
    one.ask(other)
    other.ask(one)
    replies = [one.ask("ask on", block=False), other.ask("ask on", block=False)]
    [reply.get() for reply in replies]


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text of some."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], {}, ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open = tag if tag != "script" or not attributes else "data"

    def handle_data(self, text):
        self.texts[self._open] = self.texts.get(self._open, "") + text

    @property
    def data(self):
        return json.loads(self.texts["data"])


def history_of(*events, **fields):
    return History([Event(0, *event) for event in events], **fields)


def page_of(scenario, **options):
    execution = greenroom.replay(scenario, "g1:", **options)
    return greenroom.pages.page_without_failure(execution, scenario) if execution.failure is None else execution.failure.html()


# -- what is in it -------------------------------------------------------------------------------------------------------


def test_every_event_is_in_the_table_and_in_the_data():
    execution = greenroom.replay(one_ask, "g1:")
    page = timeline(execution.history, claim="it held", failed=False)
    assert len(execution.history) > 5
    assert re.findall(r'<tr id="event-(\d+)">', page) == [str(number) for number in range(1, len(execution.history) + 1)]
    assert len(Page(page).data["events"]) == len(execution.history)
    assert "→ Echo-1 #1 ask &#x27;hello&#x27;" in page


def test_the_data_names_lanes_kinds_texts_and_the_causes_in_other_tasks():
    data = chart_data(greenroom.replay(one_ask, "g1:").history)
    told = [
        (data["lanes"][lane], data["kinds"][kind], data["texts"][target], number, causes)
        for _, lane, kind, target, number, _, _, _, causes in data["events"]
    ]
    assert told[:5] == [
        ("main", "start", "Echo-1", 0, []),
        ("main", "send", "Echo-1", 1, []),
        ("Echo-1", "receive", "Echo-1", 1, [0, 1]),
        ("Echo-1", "reply", "Echo-1", 1, []),
        ("main", "answer", "Echo-1", 1, [3]),
    ]


def test_what_did_not_lead_to_the_failure_is_known_to_the_page():
    fields = {"focus": ("A-1",), "endings": {"main": "", "A-1": "✗"}}
    history = history_of(("main", "send", "A-1", 1), ("A-1", "receive", "A-1", 1), ("B-2", "send", "C-3", 1), **fields)
    assert chart_data(history)["matters"] == [0, 1]
    assert chart_data(history_of(("main", "start", "A-1")))["matters"] is None


def test_the_replay_line_the_schedule_and_the_program_are_there_to_copy():
    line = "replay: greenroom replay a.py::b 'g1:'"
    page = timeline(history_of(("main", "note")), claim="Broken: so", replay_line=line, schedule="g1:", program="x = 1\n")
    assert Page(page).data["copies"] == {"replay": "greenroom replay a.py::b 'g1:'", "schedule": "g1:", "program": "x = 1\n"}
    buttons = [attributes["data-copy"] for tag, attributes in Page(page).elements if tag == "button" and "data-copy" in attributes]
    assert buttons == ["replay", "schedule", "program"]


def test_the_line_of_the_program_that_failed_is_marked():
    page = timeline(history_of(("main", "note")), claim="so", program="a\nb\nc", program_line=2)
    assert 'id="line-2" class="failed"' in page
    assert page.count('class="failed"') == 2  # the body, and the line


def test_the_claim_is_the_headline_and_its_other_lines_are_told_below():
    page = timeline(history_of(("main", "note"), endings={"main": "done"}), claim="Deadlock: main waits\n  for ever\n\n  do not wait")
    assert '<h1 class="short"><span class="kind">Deadlock</span> <b class="task">main</b> waits</h1>' in page
    assert '<ul class="told"><li>for ever<li>do not wait</ul>' in page


def test_a_history_without_events_has_a_page():
    assert "Nothing was recorded" in timeline(History(), claim="nothing")
    assert Page(timeline(History(), claim="nothing")).data["events"] == []


# -- the same each time, and safe ------------------------------------------------------------------------------------------


def test_the_page_of_an_execution_is_the_same_byte_for_byte():
    assert page_of(one_ask) == page_of(one_ask)
    assert page_of(each_asks_the_other) == page_of(each_asks_the_other)


def test_a_page_loads_nothing():
    page = page_of(each_asks_the_other)
    assert "default-src 'none'" in page
    assert [value for _, attributes in Page(page).elements for name, value in attributes.items() if name == "src"] == []
    links = [attributes["href"] for tag, attributes in Page(page).elements if "href" in attributes]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    bare = timeline(History(), claim="")  # without the program, which may say anything
    assert set(re.findall(r"https?://[\w./]+", bare)) == {"http://www.w3.org/2000/svg"}  # a name: nothing loads it
    assert "@import" not in bare
    assert "url(" not in bare


def hostile_page():
    history = History(
        [Event(0, HOSTILE, "send", HOSTILE, 1, HOSTILE), Event(0, HOSTILE, "receive", HOSTILE, 1, HOSTILE), Event(0, HOSTILE, HOSTILE)],
        endings={HOSTILE: f"✗ waits for {HOSTILE} to answer #1"},
        focus=(HOSTILE,),
        operations=[Operation(HOSTILE, HOSTILE, (), 1, invoked=1, invoked_ns=0, asked=HOSTILE)],
    )
    texts = dict.fromkeys(("scenario", "replay_line", "schedule", "program", "program_name", "checked_claim", "checked_reason"), HOSTILE)
    return timeline(history, claim=f"{HOSTILE}\n{HOSTILE}", refused=[(history.operations[0], HOSTILE)], **texts)


def test_what_a_program_says_is_never_markup_script_or_style():
    page = hostile_page()
    scripts = [attributes for tag, attributes in Page(page).elements if tag == "script"]
    assert scripts == [{}, {"type": "application/json", "id": "data"}, {}]
    assert not any(name.startswith("on") for _, attributes in Page(page).elements for name in attributes)
    assert [tag for tag, _ in Page(page).elements if tag == "img"] == []
    assert page.count("<style>") == 1
    page.encode()  # no lone surrogate is left
    assert not {"\u2028", "\u202e", "\x00", "\x1b"} & set(page)
    assert "\\u202e" in page
    assert Page(page).data["copies"]["program"] == HOSTILE  # what is copied is what was there


# -- who waits for whom --------------------------------------------------------------------------------------------------------


def test_who_waits_for_whom_is_read_from_a_real_deadlock():
    history = greenroom.replay(each_asks_the_other, "g1:").failure.history
    assert waits(history) == [
        Wait("main", "Asker-1", "answer #2"),
        Wait("Asker-1", "Asker-2", "answer #3"),
        Wait("Asker-2", "Asker-1", "answer #3"),
    ]
    assert cycle(waits(history)) == ["Asker-1", "Asker-2"]
    assert "A circle: each waits for the next" in waiting_figure(history)


def test_locks_and_threads_are_waited_for_as_well():
    endings = {"a": "✗ waits for Lock-1, held by b", "b": "✗ waits for c to end", "c": "✗ waits for nobody", "d": "done"}
    assert waits(History(endings=endings)) == [Wait("a", "b", "Lock-1"), Wait("b", "c", "its end")]
    assert cycle(waits(History(endings=endings))) == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_a_circle_of_any_size_is_drawn_without_two_boxes_over_each_other(size):
    names = [f"Philosopher-{number}" for number in range(size)]
    endings = {name: f"✗ waits for Lock-{place}, held by {names[(place + 1) % size]}" for place, name in enumerate(names)}
    endings["main"] = f"✗ waits for {names[0]} to answer #1"
    figure = waiting_figure(History(endings=endings))
    boxes = [tuple(map(float, box)) for box in re.findall(r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="(\d+)"', figure)]
    assert len(boxes) == size + 1
    for place, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[place + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x or y + height <= other_y or other_y + other_height <= y
            assert apart, boxes


def test_a_crowd_that_waits_is_told_in_words_only():
    endings = {f"Worker-{number}": "✗ waits for Lock-1, held by main" for number in range(30)} | {"main": "goes on"}
    figure = waiting_figure(History(endings=endings))
    assert "<svg" not in figure
    assert figure.count("<li>") == 30


def test_nothing_is_drawn_where_nobody_waits():
    assert waiting_figure(History(endings={"main": "done", "A-1": "idle"})) == ""


# -- operations ------------------------------------------------------------------------------------------------------------------


def operations():
    put = Operation("writer", "put", (1,), 1, invoked=1, answered=4, answered_ns=0, asked="1", gave="None")
    get = Operation("reader", "get", (), 2, invoked=2, answered=3, answered_ns=0, asked="", gave="0")
    late = Operation("reader", "get", (), 3, invoked=5, asked="")
    return put, get, late


def test_operations_stand_where_they_began_and_ended():
    view = operations_view(History(operations=operations()))
    assert re.findall(r"grid-column:(\d);grid-row:(\d)/(\d)", view) == [("1", "2", "6"), ("2", "3", "5"), ("2", "6", "7")]
    assert "no answer: it may have taken effect, or not" in view


def test_the_legal_order_and_what_could_not_come_next_are_shown():
    put, get, late = operations()
    view = operations_view(History(operations=[put, get, late]), legal=[get, put], refused=[(late, "it must answer 1")])
    assert re.findall(r'legal order">(\d)</b>#\d (put|get)', view) == [("2", "put"), ("1", "get")]
    assert view.count("it must answer 1") == 2  # in its place, and in the list
    assert "None of these can come next" in view


def test_an_operation_leads_to_its_call_in_the_chart():
    put, *_ = operations()
    history = history_of(("writer", "note"), ("writer", "call", "put", 1), operations=[put])
    assert 'href="#view=chart&amp;step=2"' in operations_view(history)


def test_without_operations_the_view_is_not_offered():
    assert operations_view(History()) == ""
    page = Page(timeline(history_of(("main", "note")), claim="so"))
    [tab] = [attributes for tag, attributes in page.elements if attributes.get("id") == "tab-operations"]
    assert "hidden" in tab
