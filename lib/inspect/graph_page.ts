/**
 * The script and the style of the HTML page. They are constants: nothing that a process named is ever part of them, and the page's policy allows this
 * one script by its hash, and no other.
 *
 * @module
 */

/** What makes the page searchable, and its picture movable. */
export const PAGE_SCRIPT = `
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const search = document.getElementById("search");
const only = document.getElementById("only");
const count = document.getElementById("count");
const svg = document.querySelector("figure svg");
const parts = data.map((part) => ({
  words: part.words.join(" ").toLowerCase().split(/\\s+/),
  text: part.words.join(" ").toLowerCase(),
  kin: part.kin,
  elements: [part.id, "row-" + part.id].map((id) => document.getElementById(id)).filter((element) => element !== null),
}));
const byId = new Map(data.map((part, index) => [part.id, parts[index]]));

/** A number is a whole word, so that 12 is not 4123; anything else may be a part of one. */
function matches(part, wanted) {
  return wanted.every((word) => /^[0-9]+$/.test(word) ? part.words.includes(word) : part.text.includes(word));
}

function find() {
  const wanted = search.value.toLowerCase().split(/\\s+/).filter((word) => word !== "");
  const found = new Set(wanted.length === 0 ? [] : parts.filter((part) => matches(part, wanted)));
  const near = new Set();
  for (const part of found) for (const id of part.kin) if (byId.has(id)) near.add(byId.get(id));
  for (const part of parts) {
    const state = wanted.length === 0 ? "" : found.has(part) ? "found" : near.has(part) ? "near" : "other";
    for (const element of part.elements) {
      for (const name of ["found", "near", "other"]) element.classList.toggle(name, name === state);
    }
  }
  document.body.classList.toggle("only", only.checked && wanted.length > 0);
  count.textContent = wanted.length === 0 ? "" : found.size + " found";
}

search.addEventListener("input", find);
only.addEventListener("change", find);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape") {
    search.value = "";
    find();
  }
});

if (svg !== null) {
  const whole = svg.viewBox.baseVal;
  const fit = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  let view = { ...fit };
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  const show = () => svg.setAttribute("viewBox", [view.x, view.y, view.width, view.height].join(" "));
  const zoom = (factor, x, y) => {
    const width = Math.min(Math.max(view.width * factor, fit.width / 100), fit.width * 10);
    const scale = width / view.width;
    view = { x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, width, height: view.height * scale };
    show();
  };
  const at = (event) => {
    const matrix = svg.getScreenCTM();
    return matrix === null ? { x: 0, y: 0 } : new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  };
  const middle = (factor) => zoom(factor, view.x + view.width / 2, view.y + view.height / 2);
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const point = at(event);
    zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, point.x, point.y);
  }, { passive: false });
  let grip;
  svg.addEventListener("pointerdown", (event) => {
    grip = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (grip === undefined) return;
    const point = at(event);
    view = { ...view, x: view.x + grip.x - point.x, y: view.y + grip.y - point.y };
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => grip = undefined);
  document.getElementById("in").addEventListener("click", () => middle(0.7));
  document.getElementById("out").addEventListener("click", () => middle(1 / 0.7));
  document.getElementById("fit").addEventListener("click", () => {
    view = { ...fit };
    show();
  });
}
`;

/** How the page looks. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; color: #1c2329; background: #fff; }
body { margin: 0; }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; padding: .6rem 1rem;
  background: #f4f6f8; border-bottom: 1px solid #d5dbe1; }
h1 { font-size: 1rem; margin: 0; }
input[type=search] { font: inherit; padding: .25rem .5rem; width: min(24rem, 60vw); }
button { font: inherit; min-width: 2rem; }
figure { margin: 0; height: 70vh; border-bottom: 1px solid #d5dbe1; overflow: hidden; }
figure svg { width: 100%; height: 100%; cursor: grab; touch-action: none; }
main { padding: 0 1rem 2rem; overflow-x: auto; }
h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0; border-bottom: 1px solid #e6eaee; white-space: nowrap; }
td:last-child { white-space: normal; overflow-wrap: anywhere; }
.other { opacity: .15; }
.only .other { display: none; }
g.found polygon, g.found ellipse, g.found path { stroke-width: 3; }
g.found text { font-weight: bold; }
tr.found { background: #fff3c4; }
.faint { color: #66727d; }
/* The picture stays on white, for which its colours are. */
figure { background: #fff; }
@media (prefers-color-scheme: dark) {
  :root { color: #dfe4ea; background: #14171c; }
  header { background: #1f242b; border-color: #39424d; }
  figure, th, td { border-color: #39424d; }
  tr.found { background: #4d4315; }
  .faint { color: #9aa5b1; }
}
`;
