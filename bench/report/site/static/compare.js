"use strict";
// Two lines of a board: their table of McNemar's test, and the images that one of them alone gets right.
const data = JSON.parse(document.getElementById("pairs").textContent);
const form = document.getElementById("pair");
const found = document.getElementById("found");
const MOST = 120; // images of a list

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

function unpack(text) {
  const bytes = atob(text);
  return Array.from({ length: data.n }, (_, i) => (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1);
}

const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(1);
const chance = (p) => (p < 0.001 ? "below 0.001" : p.toFixed(3));

function title(place) {
  if (!data.links[place]) return document.createTextNode(data.names[place]);
  return element("a", data.names[place], { href: data.links[place] });
}

// The pair as [both, only a, only b, neither, points, low, high, p, Holm's p, seed of a, seed of b].
function findPair(column, a, b) {
  const pair = column.pairs.find((one) => (one[0] === a && one[1] === b) || (one[0] === b && one[1] === a));
  if (!pair) return null;
  const [one, , i, j, both, onlyOne, onlyOther, neither, points, low, high, p, holm] = pair;
  return one === a
    ? [both, onlyOne, onlyOther, neither, points, low, high, p, holm, i, j]
    : [both, onlyOther, onlyOne, neither, -points, -high, -low, p, holm, j, i];
}

function crossTable(a, b, counts) {
  const table = element("table", undefined, { className: "cross" });
  table.append(element("caption", "Images by who gets them right"));
  const line = (cells) => {
    const row = table.appendChild(element("tr"));
    cells.forEach(([text, head], place) => row.append(element(head && text ? "th" : "td", text, !head ? { className: "num" } : text ? { scope: place && !row.previousSibling ? "col" : "row" } : {})));
    return row;
  };
  const [both, onlyA, onlyB, neither] = counts;
  line([["", 1], [`${data.names[b]} right`, 1], [`${data.names[b]} wrong`, 1]]);
  line([[`${data.names[a]} right`, 1], [both], [onlyA]]);
  line([[`${data.names[a]} wrong`, 1], [onlyB], [neither]]);
  return table;
}

function thumbnail(place) {
  const item = element("li");
  const words = `test image ${place}` + (data.classes ? `: ${data.classes[place]}` : "");
  if (data.picture) {
    const tile = element("span", undefined, { className: "tile" });
    tile.setAttribute("role", "img");
    tile.setAttribute("aria-label", words);
    tile.title = words;
    const lines = Math.ceil(data.n / data.across);
    const share = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
    tile.style.backgroundImage = `url("${data.picture}")`;
    tile.style.backgroundSize = `${100 * data.across}% ${100 * lines}%`;
    tile.style.backgroundPosition = `${share(place % data.across, data.across)}% ${share(Math.floor(place / data.across), lines)}%`;
    item.append(tile);
    item.append(element("small", String(place)));
  } else item.textContent = String(place);
  return item;
}

function images(who, other, places) {
  const part = element("div");
  part.append(element("h3", `${data.names[who]} alone: ${places.length} image${places.length === 1 ? "" : "s"}`));
  if (places.length > MOST) part.append(element("p", `The first ${MOST}.`, { className: "hint" }));
  const list = part.appendChild(element("ul", undefined, { className: data.picture ? "tiles" : "tiles ids" }));
  list.append(...places.slice(0, MOST).map(thumbnail));
  list.setAttribute("aria-label", `Test images that ${data.names[who]} gets right and ${data.names[other]} does not`);
  return part;
}

function show() {
  const [a, b, name] = [+form.elements.a.value, +form.elements.b.value, form.elements.c.value];
  const column = data.columns[name];
  found.replaceChildren();
  const head = found.appendChild(element("h2"));
  head.append(title(a), " and ", title(b), `, ${name === "Clean" ? "clean images" : name === "Worst" ? "under every attack" : `under ${name}`}`);
  const pair = a === b ? null : findPair(column, a, b);
  if (!pair) {
    found.append(element("p", a === b ? "Choose two different lines." : "One of them has no outcomes of this column."));
  } else {
    const [both, onlyA, onlyB, neither, points, low, high, p, holm, i, j] = pair;
    const verdict = holm < 0.05 ? "Beyond chance." : p < 0.05 ? "Beyond chance for this pair alone, not among all pairs of this board." : "Chance alone may explain it.";
    const gets = points === 0 ? `${data.names[a]} and ${data.names[b]} get the same share right` : `${data.names[a]} gets ${Math.abs(points).toFixed(1)} points ${points > 0 ? "more" : "less"} than ${data.names[b]}`;
    found.append(element("p", `${gets} (95 % interval ${signed(low)} to ${signed(high)}). `
      + `McNemar's exact p: ${chance(p)}${column.pairs.length > 1 ? `; corrected for all ${column.pairs.length} pairs: ${chance(holm)}` : ""}. ${verdict}`));
    const [first, second] = [unpack(column.bits[a][i]), unpack(column.bits[b][j])];
    const several = column.bits[a].length > 1 || column.bits[b].length > 1;
    if (several) found.append(element("p", `Counts and images: of the ${i + 1}. seed of the first and the ${j + 1}. of the second, which differ least.`, { className: "hint" }));
    const all = [...first.keys()];
    found.append(crossTable(a, b, [both, onlyA, onlyB, neither]));
    const sides = found.appendChild(element("div", undefined, { className: "sides" }));
    sides.append(images(a, b, all.filter((k) => first[k] && !second[k])), images(b, a, all.filter((k) => second[k] && !first[k])));
  }
  const view = new URLSearchParams({ a: data.labels[a], b: data.labels[b], c: name });
  history.replaceState(null, "", `#${view}`);
}

function read() {
  const view = new URLSearchParams(location.hash.slice(1));
  const place = (key, usual) => Math.max(data.labels.indexOf(view.get(key)), data.labels.includes(view.get(key)) ? 0 : usual);
  form.elements.a.value = place("a", 0);
  form.elements.b.value = place("b", 1);
  form.elements.c.value = view.get("c") in data.columns ? view.get("c") : Object.keys(data.columns)[0];
  show();
}

for (const key of ["a", "b"]) form.elements[key].append(...data.names.map((name, place) => new Option(name, place)));
form.elements.c.append(...Object.keys(data.columns).map((name) => new Option(name, name)));
form.addEventListener("change", show);
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", read);
form.hidden = found.hidden = false;
read();
