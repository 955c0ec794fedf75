// Runs the page's own script against a server, with as much of a browser as it needs:
//   node page_in_node.mjs page.js http://127.0.0.1:1234 "monday meetings" drake
// prints what the page then shows, as JSON.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const [script, base, topic, format] = process.argv.slice(2);

class Element {
  value = "";
  children = [];
  listeners = {};
  hidden = true;
  append(...more) { this.children.push(...more); }
  replaceChildren(...all) { this.children = all; }
  querySelector() { return this.button ??= new Element(); }
  addEventListener(name, listener) { this.listeners[name] = listener; }
}

const elements = {};
globalThis.document = {
  getElementById: (id) => elements[id] ??= new Element(),
  createElement: () => new Element(),
};
globalThis.location = { search: "" };
const fetch_ = globalThis.fetch;
globalThis.fetch = (path, options) => fetch_(base + path, options);

runInThisContext(readFileSync(script, "utf8"), { filename: script });
elements.topic ??= new Element();
elements.format ??= new Element();
elements.style ??= new Element();
elements.topic.value = topic;
elements.format.value = format;
await elements.wish.listeners.submit({ preventDefault() {} });

console.log(JSON.stringify({
  stages: (elements.stages?.children ?? []).map((item) => item.textContent),
  picture: elements.picture?.src ?? null,
  alt: elements.picture?.alt ?? null,
  caption: elements.caption?.textContent ?? null,
  trouble: elements.trouble.hidden ? null : elements.trouble.textContent,
  gallery: (elements.gallery?.children ?? []).map((item) => item.children[0].children[0].src),
}));
