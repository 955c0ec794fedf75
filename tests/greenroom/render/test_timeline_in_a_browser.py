"""The page in a real browser: what can be seen, reached and asked there. Skipped where there is no Chromium."""

from __future__ import annotations

import re
import time

import pykka
import pytest

import greenroom
from greenroom.history import Event, History, Operation
from greenroom.render.timeline import timeline

MUCH = 2_000


class Wallet(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.cents = 100

    def on_receive(self, message):
        if message == "read":
            return self.cents
        self.cents = message
        return None


class Checkout(pykka.ThreadingActor):
    def __init__(self, wallet):
        super().__init__()
        self.wallet = wallet

    def on_receive(self, message):
        self.wallet.ask(self.wallet.ask("read") - message)


def lost_update():
    wallet = Wallet.start()
    checkouts = [Checkout.start(wallet), Checkout.start(wallet)]
    [reply.get() for reply in [checkout.ask(30, block=False) for checkout in checkouts]]
    time.sleep(1.5)
    left = wallet.ask("read")
    pykka.ActorRegistry.stop_all()
    assert left == 40


class Again(pykka.ThreadingActor):
    def on_receive(self, message):
        self.actor_ref.tell(message)


def again_and_again():
    Again.start().tell("on")
    time.sleep(1)


@pytest.fixture(scope="module")
def page():
    return greenroom.explore(lost_update).failure.html()


@pytest.fixture(scope="module")
def long_page():
    lanes = [f"Worker-{number}" for number in range(6)]
    events = []
    for number in range(MUCH // 2):
        sender, receiver = lanes[number % 6], lanes[(number * 5 + 1) % 6]
        events += [Event(number * 1000, sender, "send", receiver, number + 1, f"job {number}")]
        events += [Event(number * 1000, receiver, "receive", receiver, number + 1, f"job {number}")]
    return timeline(History(events, endings=dict.fromkeys(lanes, "idle")), claim="long")


AT_ONCE = "addEventListener('hashchange', done, {once: true})"  # the page heard of it first


def go(browser, fragment):
    browser.run(f"new Promise(done => {{ {AT_ONCE}; location.hash = {fragment!r}; }}).then(() => 0)")


def rows(browser):
    return browser.run("[...document.querySelectorAll('.row')].map(row => row.id)")


def chosen(browser):
    return browser.run("document.querySelector('.row.selected')?.id ?? ''")


def told(browser):
    return browser.run("document.querySelector('#detail').innerText")


def state(browser):
    """What the panel says of each task."""
    tasks = "[...document.querySelectorAll('#state .task')]"
    return dict(browser.run(f"{tasks}.map(task => [task.querySelector('dt').innerText, task.innerText.split('\\n').slice(1).join(' | ')])"))


def relation(browser, step):
    return browser.run(f"document.querySelector('#row-{step} .relation').textContent")


# -- it works there --------------------------------------------------------------------------------------------------------


def test_it_loads_nothing_and_complains_about_nothing(browser, page):
    browser.open(page)
    assert [url.partition(":")[0] for url in browser.requests] == ["file"]
    assert browser.complaints == []


def test_hostile_texts_do_nothing(browser):
    evil = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u2028"
    events = [Event(0, evil, "send", evil, 1, evil), Event(0, evil, "receive", evil, 1, evil), Event(0, evil, evil, evil)]
    html = timeline(History(events, endings={evil: evil}, focus=(evil,)), claim=evil, scenario="scenario", program=evil, replay_line=evil)
    browser.open(html, "#step=1").press("j", "j")
    assert "owned" not in browser.run("document.title").replace("='owned'", "")
    assert browser.run("document.images.length") == 0
    assert browser.complaints == []
    assert [url.partition(":")[0] for url in browser.requests] == ["file"]


def test_without_scripts_the_table_has_all_events(browser, page):
    without = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    browser.open(without)
    assert browser.run("document.querySelector('#rows').rows.length") == page.count('<tr id="event-')
    assert browser.run("document.querySelector('#rows').getBoundingClientRect().height") > 100


# -- stepping ----------------------------------------------------------------------------------------------------------------


def test_keys_step_through_the_events(browser, page):
    browser.open(page)
    assert chosen(browser) == ""
    browser.press("j", "j", "ArrowDown")
    assert chosen(browser) == "row-3"
    browser.press("k")
    assert chosen(browser) == "row-2"
    browser.press("Home")
    assert chosen(browser) == "row-1"
    browser.press("End", "Escape")
    assert chosen(browser) == ""
    browser.press("ArrowDown")  # nothing is chosen, and the chart has no focus: it scrolls the page
    assert chosen(browser) == ""
    browser.run("document.querySelector('#chart').focus()")
    browser.press("ArrowDown")
    assert chosen(browser) == "row-1"
    browser.press("?")
    assert browser.run("document.querySelector('#help').open")


def test_enter_goes_to_the_other_end_of_the_arrow(browser, page):
    browser.open(page, "#step=4")
    assert "Checkout-2 #1 ask 30" in told(browser)
    browser.run("document.querySelector('#chart').focus()")
    browser.press("Enter")
    assert "● #1 ask 30" in told(browser)
    browser.press("Enter")  # from there to its own other end: where it came from
    assert chosen(browser) == "row-4"


def test_the_address_says_what_is_seen_and_shows_it_again(browser, page):
    browser.open(page, "#step=5&hide=Wallet-1&rest=all&zoom=0&theme=dark")
    assert chosen(browser) == "row-5"
    assert "Wallet-1" not in state(browser)
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
    browser.press("j")
    address = browser.run("location.hash")
    assert address.startswith("#step=")
    assert "hide=Wallet-1&rest=all&zoom=0&theme=dark" in address
    go(browser, "#step=1")
    assert chosen(browser) == "row-1"


def test_an_address_that_makes_no_sense_shows_the_end(browser, page):
    browser.open(page, "#step=99999&hide=%ZZ,nobody&zoom=77&view=nothing&rest=&&=&theme")
    assert chosen(browser) == ""
    assert browser.complaints == []
    assert "At the end" in told(browser)


# -- what is told ------------------------------------------------------------------------------------------------------------


def test_the_past_the_future_and_the_concurrent_are_told_apart(browser):
    events = [Event(0, "main", "start", "A-1"), Event(0, "main", "send", "A-1", 1, "x"), Event(0, "B-2", "note", "", 0, "apart")]
    events += [Event(0, "A-1", "receive", "A-1", 1, "x"), Event(0, "A-1", "note", "", 0, "then")]
    browser.open(timeline(History(events), claim="so"), "#step=4")
    assert [relation(browser, step) for step in (1, 2, 3, 4, 5)] == ["↑", "↑", "∥", "", "↓"]
    assert "↑ 2 before it" in told(browser)
    assert "↓ 1 after it" in told(browser)
    assert "∥ 1 concurrent" in told(browser)


def test_the_panel_agrees_with_the_vector_clocks(browser, page):
    """The script follows direct causes; Causality compares clocks. Both must say the same of every pair of events."""
    from greenroom.causality import Causality  # noqa: PLC0415 - only here

    history = greenroom.explore(lost_update).failure.history
    causality = Causality(history)
    browser.open(page, "#rest=all")
    for place in range(0, len(history), 5):
        go(browser, f"#step={place + 1}&rest=all")
        marks = browser.run("[...document.querySelectorAll('.row')].map(row => [row.id, row.querySelector('.relation').textContent])")
        for name, mark in marks:
            other = int(name[4:]) - 1
            past, future = causality.happens_before(other, place), causality.happens_before(place, other)
            assert mark == ("" if other == place else "↑" if past else "↓" if future else "∥"), (place, other)


def test_the_state_after_a_step_has_inboxes_and_who_waits(browser, page):
    browser.open(page, "#step=5")
    assert state(browser) == {
        "main": "waits for Checkout-2 to answer #1",
        "Wallet-1": "waits for a message",
        "Checkout-2": "can take #1 from its inbox | inbox 1 | #1 ask 30",
        "Checkout-3": "can take #1 from its inbox | inbox 1 | #1 ask 30",
    }


def test_a_lock_is_shown_with_who_holds_it_and_who_waits(browser):
    events = [Event(0, "a", "lock", "Lock-1"), Event(0, "b", "note"), Event(0, "a", "unlock", "Lock-1"), Event(0, "b", "lock", "Lock-1")]
    html = timeline(History(events, endings={"a": "done", "b": "✗ waits for Lock-2, held by a"}), claim="so")
    browser.open(html, "#step=2")
    assert state(browser) == {"a": "can go on; next: unlock Lock-1 | holds | Lock-1", "b": "waits for Lock-1, held by a"}
    browser.press("k", "End")
    assert state(browser) == {"a": "has ended", "b": "waits for Lock-2, held by a | holds | Lock-1"}


def test_pointing_at_an_event_tells_about_it(browser, page):
    browser.open(page, "#step=4")
    browser.point_at("#row-2 .label")
    assert browser.run("document.querySelector('#tip').hidden") is False
    assert "could have caused step 4" in browser.run("document.querySelector('#tip').innerText")


# -- what is left out, found, filtered ------------------------------------------------------------------------------------------


def test_what_did_not_lead_to_the_failure_is_folded_until_it_is_wanted(browser, page):
    browser.open(page)
    folded = rows(browser)
    text = browser.run("[...document.querySelectorAll('.fold')].map(fold => fold.innerText).join()")
    assert "the actors are stopped" in text
    browser.press("c", "c")
    assert len(rows(browser)) > len(folded)
    browser.press("c")
    assert rows(browser) == folded
    browser.click(".fold")
    assert len(rows(browser)) > len(folded)


def test_find_counts_marks_and_goes_on_with_enter(browser, page):
    browser.open(page)
    browser.press("/")
    browser.press(*"read")
    assert (
        int(browser.run("document.querySelector('#found').innerText")) == browser.run("document.querySelectorAll('.row.match').length") > 3
    )
    browser.press("Enter")
    first = chosen(browser)
    browser.press("Enter")
    assert int(chosen(browser)[4:]) > int(first[4:])
    assert "find=read" in browser.run("location.hash")


def test_tasks_and_kinds_can_be_switched_off_and_on(browser, page):
    browser.open(page)
    before = rows(browser)
    browser.click("#filter summary").click("#kinds label:nth-of-type(2) input")
    assert len(rows(browser)) < len(before)
    assert "1 off" in browser.run("document.querySelector('#filter-count').innerText")
    browser.click("#show-all")
    assert rows(browser) == before


def test_a_livelock_is_shown_once(browser):
    html = greenroom.replay(again_and_again, "g1:", max_steps=400).failure.html()
    browser.open(html)
    assert len(rows(browser)) < 10
    assert "repeat" in browser.run("document.querySelector('.fold').innerText")


# -- long, narrow, dark, printed, read aloud -----------------------------------------------------------------------------------


def test_of_a_long_history_only_what_can_be_seen_is_drawn(browser, long_page):
    browser.open(long_page)
    assert 10 < len(rows(browser)) < 120
    browser.press("j", "End")
    assert chosen(browser) == f"row-{MUCH}"
    assert len(rows(browser)) < 120
    box, frame = browser.run("['.row.selected', '#chart'].map(one => document.querySelector(one).getBoundingClientRect().toJSON())")
    assert frame["top"] <= box["top"] <= box["bottom"] <= frame["bottom"]


@pytest.mark.parametrize("width", [360, 820, 1280, 2200])
def test_the_page_itself_never_scrolls_sideways(browser, page, width):
    browser.open(page, "#step=9", width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    for view in ("table", "chart"):
        browser.run(f"document.querySelector('#tab-{view}').click()")
        assert browser.run("document.documentElement.scrollWidth") <= width


CONTRAST = """(() => {
  const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true}), known = new Map();
  const shade = (colour) => { if (!known.has(colour)) { c.clearRect(0, 0, 1, 1); c.fillStyle = colour; c.fillRect(0, 0, 1, 1);
    known.set(colour, [...c.getImageData(0, 0, 1, 1).data]); } return known.get(colour); };
  const light = (c) => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (element) => { const layers = [];
    for (let e = element; e; e = e.parentElement) { const c = shade(getComputedStyle(e).backgroundColor); layers.unshift(c); }
    return layers.reduce((under, over) => under.map((v, i) => i < 3 ? v + (over[i] - v) * over[3] / 255 : 255), [255, 255, 255, 255]); };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility() || element.closest('svg, :disabled, .unseen, .skip, dialog')) continue;
    const [one, other] = [light(shade(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (one + .05) / (other + .05);
    if (ratio < 4.5) bad.push(`${element.className || element.tagName} ${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return bad;
})()"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("fragment", ["", "#step=9", "#view=table", "#rest=dim"])
def test_texts_have_the_contrast_that_wcag_aa_wants(browser, page, dark, fragment):
    browser.open(page, fragment, dark=dark, motion=False)
    assert browser.run(CONTRAST) == []


def test_the_system_decides_between_light_and_dark_until_the_reader_does(browser, page):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, dark=True)
    assert browser.run(ground) == "rgb(20, 22, 26)"
    browser.press("t")  # light
    assert browser.run(ground) == "rgb(251, 250, 247)"
    assert "theme=light" in browser.run("location.hash")


def test_on_paper_every_row_of_the_chart_is_there(browser, long_page):
    browser.open(long_page)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(rows(browser)) == MUCH
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(rows(browser)) < 120


def test_a_screen_reader_finds_names_for_all_that_can_be_done(browser, page):
    browser.open(page, "#step=6")
    tree = browser.accessible()
    roles = ("button", "tab", "radio", "checkbox", "slider", "searchbox", "listbox", "option", "link")
    controls = [(role, name) for role, name in tree if role in roles]
    assert controls
    assert [control for control in controls if not control[1].strip()] == []
    options = [name for role, name in controls if role == "option"]
    assert any(re.fullmatch(r"Step 6, 0 s, \S+: .+", name) for name in options)
    assert browser.run("document.querySelector('#chart').getAttribute('aria-activedescendant')") == "row-6"


def test_every_control_can_be_reached_by_the_tab_key_and_none_is_a_trap(browser, page):
    browser.open(page)
    reached = []
    for _ in range(60):
        browser.press("Tab")
        reached.append(browser.run("document.activeElement.id || document.activeElement.dataset.copy || document.activeElement.className"))
    assert {"replay", "schedule", "tab-chart", "find", "zoom-in", "theme", "help-button", "chart", "scrub", "on", "source"} <= set(reached)


def test_operations_lead_back_to_their_calls(browser):
    operation = Operation("reader", "get", ("x",), 1, invoked=1, answered=2, answered_ns=0, asked="'x'", gave="7")
    events = [Event(0, "reader", "call", "get", 1, "'x'"), Event(0, "reader", "result", "get", 1, "7")]
    browser.open(
        timeline(History(events, operations=[operation]), claim="so", refused=[(operation, "it must answer 0")]), "#view=operations"
    )
    assert browser.run("document.querySelector('.operation.refused').innerText").split("\n")[0] == "#1 get('x')"
    browser.run(f"new Promise(done => {{ {AT_ONCE}; document.querySelector('.operation a').click(); }}).then(() => 0)")
    assert chosen(browser) == "row-1"


def test_copy_takes_the_exact_text(browser, page):
    browser.open(page)
    browser.run("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    browser.click('[data-copy="program"]')
    assert "def lost_update():" in browser.run("window.copied")
    assert browser.run("document.querySelector('[data-copy=program]').textContent") == "Copied"
