// The page: asks for a meme, looks at its status until it is there, and shows it. Text from outside is only ever set as text.
"use strict";

const PATIENCE_MS = 120000;
const $ = (id) => document.getElementById(id);

function showStages(reached, done) {
  const list = $("stages");
  list.replaceChildren(...reached.map((name, place) => {
    const item = document.createElement("li");
    item.textContent = name;
    item.className = place === reached.length - 1 && !done ? "now" : "done";
    return item;
  }));
  $("progress").hidden = reached.length === 0;
}

function complain(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

function showMeme(meme) {
  const words = [meme.text.top, meme.text.bottom].filter(Boolean).join(" / ");
  $("picture").src = meme.image.url;
  $("picture").alt = `Meme: ${words}`;
  $("picture").width = meme.image.width;
  $("picture").height = meme.image.height;
  const degraded = meme.degraded.length ? `, without: ${meme.degraded.join(", ").replaceAll("_", " ")}` : "";
  $("caption").textContent = `${meme.format}, score ${meme.score.total.toFixed(2)}${degraded}`;
  $("meme").hidden = false;
}

async function answer(response) {
  const document_ = await response.json();
  if (response.ok) return document_;
  const reasons = (document_.errors || []).map((each) => `${each.field} ${each.reason}`).concat(document_.reasons || []);
  throw new Error([document_.title, document_.detail, ...reasons].filter(Boolean).join(": "));
}

const ENDS = {
  rejected: "No text for this topic is fit to publish",
  failed: "The meme could not be made; try again later",
  cancelled: "The request was cancelled",
  timed_out: "It took too long; try again later",
};

async function follow(url) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const status = await answer(await fetch(url));
    showStages(status.stages, status.done);
    if (status.meme) return status.meme;
    if (status.done) throw new Error([ENDS[status.stage] || status.stage, ...status.reasons].join(": "));
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
  throw new Error("It took too long; try again later");
}

async function make(event) {
  event.preventDefault();
  const button = $("wish").querySelector("button");
  const wish = { topic: $("topic").value, format: $("format").value };
  if ($("style").value.trim()) wish.style = $("style").value;
  button.disabled = true;
  complain("");
  showStages([], false);
  $("meme").hidden = true;
  try {
    const accepted = await answer(await fetch("/api/v1/memes/async", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish),
    }));
    showMeme(await follow(accepted.status_url));
    await lately();
  } catch (error) {
    complain(error.message);
  } finally {
    button.disabled = false;
  }
}

async function lately() {
  const { memes } = await answer(await fetch("/api/v1/memes/?limit=12"));
  $("gallery").replaceChildren(...memes.map((meme) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const image = document.createElement("img");
    link.href = meme.image.url;
    image.src = meme.image.url;
    image.alt = meme.topic;
    image.title = meme.topic;
    image.loading = "lazy";
    image.width = meme.image.width;
    image.height = meme.image.height;
    link.append(image);
    item.append(link);
    return item;
  }));
  $("latest").hidden = memes.length === 0;
}

$("wish").addEventListener("submit", make);
lately().catch(() => {});
const asked = new URLSearchParams(location.search).get("topic"); // a link may carry its topic: /?topic=monday
if (asked) {
  $("topic").value = asked.slice(0, 100);
  $("wish").requestSubmit();
}
