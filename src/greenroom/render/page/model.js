// What happened, as the page was given it: lanes, events, and what could have caused what.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const words = byId('rows').rows;
const lanes = data.lanes;
const laneNamed = new Map(lanes.map((name, lane) => [name, lane]));
const matters = data.matters && new Set(data.matters);
const stops = new Set(data.stops);
const WRONG = new Set(['lost', 'timeout', 'died', 'dead', 'busy', 'empty', 'drained']);

const events = data.events.map(([time, lane, kind, target, number, detail, deviation, label, causes], place) => ({
  place, time, lane, kind: data.kinds[kind], target: data.texts[target], number, detail: data.texts[detail], deviation: !!deviation,
  label: data.texts[label], causes, effects: [], before: -1, after: -1,
}));
const ofLane = lanes.map(() => []);

// An arrow from one event to another, or to a lane where nothing came of it (to is -1).
const links = [];

(function connect() {
  const sent = new Map();
  const replied = new Map();
  const met = new Set();
  const link = (kind, from, to) => {
    links.push({kind, from, to: to.place, lane: to.lane});
    met.add(from);
  };
  for (const event of events) {
    const own = ofLane[event.lane];
    if (own.length) {
      event.before = own[own.length - 1];
      events[event.before].after = event.place;
    }
    own.push(event.place);
    const message = `${event.target}#${event.number}`;
    const origin = event.kind === 'receive' ? sent.get(message) : event.kind === 'answer' ? replied.get(message) : undefined;
    if (origin) link(event.kind === 'receive' ? 'message' : 'reply', origin.place, event);
    for (const cause of event.causes) {
      const starts = events[cause].kind === 'start' && events[cause].target === lanes[event.lane] && event.before < 0;
      if (starts) link('start', cause, event);
      else if (!(origin && cause === origin.place) && event.kind !== 'lost') links.push({kind: 'sync', from: cause, to: event.place, lane: event.lane});
    }
    if (event.before >= 0) event.causes.push(event.before);
    for (const cause of event.causes) events[cause].effects.push(event.place);
    if (event.kind === 'send' || event.kind === 'lost') sent.set(message, event);
    if (event.kind === 'reply') replied.set(message, event);
  }
  for (const event of events) {
    if (met.has(event.place)) continue;
    const asker = sent.get(`${event.target}#${event.number}`);
    const lane = event.kind === 'reply' ? (event.number && asker ? asker.lane : undefined) : laneNamed.get(event.target);
    const kind = {send: 'unread', lost: 'lost', start: 'start', reply: 'unheard'}[event.kind];
    if (kind && lane !== undefined) links.push({kind, from: event.place, to: -1, lane});
  }
})();

const textOf = (event) => words[event.place].cells[3].textContent;
const seconds = (time) => `${+(time / 1e9).toFixed(9)} s`;
const timed = events.some((event) => event.time);
const when = (event) => (timed ? [seconds(event.time)] : []);

// Marks all that can be reached from an event: causes of causes, or effects of effects. How many they are is returned.
function mark(marks, place, direction, as) {
  const todo = [place];
  let count = 0;
  while (todo.length) {
    for (const next of events[todo.pop()][direction]) {
      if (!marks[next]) {
        marks[next] = as;
        count += 1;
        todo.push(next);
      }
    }
  }
  return count;
}

// The causal past and future of an event; whatever is in neither, and is not the event itself, is concurrent with it.
const RELATIONS = ['concurrent', 'past', 'future', 'selected'];
let latest = {place: -1};
function relations(place) {
  if (latest.place === place) return latest;
  const marks = new Uint8Array(events.length);
  marks[place] = 3;
  const past = mark(marks, place, 'causes', 1);
  const future = mark(marks, place, 'effects', 2);
  latest = {place, marks, past, future, concurrent: events.length - 1 - past - future, of: (other) => RELATIONS[marks[other]]};
  return latest;
}

// The vector clock: of each lane, how many events are in the past of this one, itself included.
function clockOf(place) {
  const clock = lanes.map(() => 0);
  relations(place).marks.forEach((how, other) => {
    if (how === 1 || how === 3) clock[events[other].lane] += 1;
  });
  return clock;
}

// -- what lasts: the handling of a message, the holding of a lock --------------------------------------------------------

const FOR_EVER = Infinity;

function handlings() {
  const spans = [];
  for (const [lane, own] of ofLane.entries()) {
    let open = null;
    for (const place of own) {
      if (events[place].kind === 'receive' && events[place].target === lanes[lane]) {
        open = {lane, from: place, to: place};
        spans.push(open);
      } else if (open) open.to = place;
    }
    if (open && /^✗ waits|^goes on|^sleeps/.test(data.endings[lane])) open.to = FOR_EVER;
  }
  return spans;
}

function holdings() {
  const spans = [];
  const open = new Map();
  for (const event of events) {
    const key = `${event.lane} ${event.target}`;
    const span = open.get(key);
    if (event.kind === 'lock') {
      if (span) span.depth += 1;
      else {
        open.set(key, {lane: event.lane, what: event.target, from: event.place, to: FOR_EVER, depth: 1});
        spans.push(open.get(key));
      }
    } else if (event.kind === 'unlock' && span) {
      span.depth -= 1;
      if (!span.depth) {
        span.to = event.place;
        open.delete(key);
      }
    }
  }
  return spans;
}
const handled = handlings();
const held = holdings();
