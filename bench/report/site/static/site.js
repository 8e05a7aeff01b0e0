"use strict";
// Without this script every page is a plain table; with it tables sort and filter, and the address keeps the view.

const plain = { paging: false, info: false, autoWidth: false, order: [], layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null } };
const kinds = [{ targets: "high", orderSequence: ["desc", "asc", ""] }, { targets: "num", type: "bench-num" }, { targets: "_all", type: "string" }]; // the first that fits

// Numbers as data-order says them, and what is missing last, however the column is sorted.
const value = (cell) => (cell === "" || cell === null || Number.isNaN(parseFloat(cell)) ? null : parseFloat(cell));
const compare = (sign) => (a, b) => {
  const [x, y] = [value(a), value(b)];
  return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
};
Object.assign(DataTable.ext.type.order, { "bench-num-asc": compare(1), "bench-num-desc": compare(-1) });

document.querySelectorAll("table[data-table]").forEach((table) => new DataTable(table, { ...plain, columnDefs: kinds, searching: false }));

// Heads sort by Enter; as buttons they do by the space bar too, which would scroll the page.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("thead [role='button']")) return;
  event.preventDefault();
  event.target.click();
});

const board = document.getElementById("board");
if (board) {
  const heads = [...board.tHead.rows[0].cells];
  const keys = heads.map((head) => head.dataset.key);
  const numeric = heads.map((head) => head.classList.contains("num"));
  const shownAtFirst = heads.map((head) => !("hidden" in head.dataset));
  const table = new DataTable(board, { ...plain, columnDefs: kinds, searching: true });
  const find = document.getElementById("find");
  const chooser = document.querySelector("#chooser ul");
  const fields = keys.map((key, column) => field(key, column));
  const filters = keys.map(() => null);

  DataTable.ext.search.push((settings, texts, row) =>
    settings.nTable !== board || filters.every((test, column) => !test || test(settings.aoData[row].anCells[column], texts[column])));

  function field(key, column) {
    const item = chooser.appendChild(document.createElement("li"));
    const label = item.appendChild(document.createElement("label"));
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: shownAtFirst[column], disabled: key === "Method" });
    const text = Object.assign(document.createElement("input"), { type: "text", autocomplete: "off", placeholder: numeric[column] ? ">20" : "text" });
    label.append(box, ` ${key}`);
    text.setAttribute("aria-label", `Filter ${key}`);
    item.append(text);
    box.addEventListener("change", () => { table.column(column).visible(box.checked); fit(); keep(); });
    text.addEventListener("input", () => { draw(); keep(); });
    return { box, text };
  }

  // A test of a cell; null where there is nothing to test.
  function test(column) {
    const asked = fields[column].text.value.trim();
    if (!asked) return null;
    const bounds = numeric[column] && /^(<=?|>=?)\s*(-?[\d.]+)$|^(-?[\d.]+)\s*-\s*(-?[\d.]+)$|^(-?[\d.]+)$/.exec(asked);
    if (!bounds) return (cell, text) => text.toLowerCase().includes(asked.toLowerCase());
    const [, sign, limit, from, to, exact] = bounds;
    return (cell) => {
      const number = column === 0 ? value(cell.textContent) : value(cell.dataset.order ?? cell.textContent);
      if (number === null) return false;
      if (sign) return { "<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit }[sign];
      return exact === undefined ? number >= from && number <= to : Math.abs(number - exact) < 0.05;
    };
  }

  function draw() {
    fields.forEach((_, column) => { filters[column] = test(column); });
    table.search(find.value).draw();
    const count = table.rows({ search: "applied" }).count();
    document.getElementById("count").textContent = `${count} of ${table.rows().count()} methods`;
  }

  // The address: what differs from the view at first.
  function keep() {
    const view = new URLSearchParams();
    const [sorted] = table.order();
    if (sorted && sorted[1]) view.set("sort", `${keys[sorted[0]]}:${sorted[1]}`);
    if (find.value) view.set("find", find.value);
    const shown = fields.map((each) => each.box.checked);
    if (shown.some((is, column) => is !== shownAtFirst[column])) view.set("columns", keys.filter((_, column) => shown[column]).join("|"));
    fields.forEach((each, column) => { if (each.text.value) view.set(`filter.${keys[column]}`, each.text.value); });
    history.replaceState(null, "", view.size ? `#${view}` : location.pathname.split("/").pop() || "#");
    document.querySelectorAll("#groups select").forEach((select) => { select.dataset.view = view.toString(); });
  }

  function restore() {
    const view = new URLSearchParams(location.hash.slice(1));
    const columns = view.has("columns") ? view.get("columns").split("|") : null;
    fields.forEach((each, column) => {
      each.box.checked = keys[column] === "Method" || (columns ? columns.includes(keys[column]) : shownAtFirst[column]);
      each.text.value = view.get(`filter.${keys[column]}`) ?? "";
      table.column(column).visible(each.box.checked, false);
    });
    find.value = view.get("find") ?? "";
    const [, key, direction] = /^(.*):(asc|desc)$/.exec(view.get("sort") ?? "") ?? [];
    table.order(keys.includes(key) ? [[keys.indexOf(key), direction]] : []);
    if ([...view.keys()].some((name) => name.startsWith("filter."))) document.getElementById("chooser").open = true;
    draw();
    fit();
  }

  // A table that is wider than the page scrolls in its own frame; one that is not has a head that stays in sight.
  function fit() {
    const frame = board.closest(".wide");
    frame.classList.remove("fits", "scrolls");
    frame.classList.add(frame.scrollWidth > frame.clientWidth ? "scrolls" : "fits");
  }

  board.dataset.sortMilliseconds = "";
  board.tHead.addEventListener("click", () => { board.dataset.clicked = performance.now(); }, true);
  table.on("draw", () => { board.dataset.sortMilliseconds = performance.now() - (board.dataset.clicked ?? performance.now()); });
  find.addEventListener("input", () => { draw(); keep(); });
  document.getElementById("reset").addEventListener("click", () => { history.replaceState(null, "", location.pathname.split("/").pop()); restore(); keep(); });
  addEventListener("hashchange", () => { if (location.hash.includes("=")) restore(); });
  addEventListener("resize", fit);
  document.getElementById("controls").hidden = false;
  chooseGroups();
  const anchor = location.hash.includes("=") ? "" : location.hash.slice(1); // of a part of the page, not a view
  restore();
  if (anchor) document.getElementById(decodeURIComponent(anchor))?.scrollIntoView();
  else keep();
  table.on("order", () => setTimeout(keep));
}

// Controls for what boards differ in: a choice leads to the board that agrees in most of the others.
function chooseGroups() {
  const form = document.getElementById("groups");
  const groups = JSON.parse(form.dataset.groups);
  const here = groups.find((group) => group.href === location.pathname.split("/").pop() || encodeURI(group.href) === location.pathname.split("/").pop());
  if (!here || groups.length < 2) return;
  const names = Object.keys(here).filter((name) => name !== "href");
  names.forEach((name) => {
    const choices = [...new Set(groups.map((group) => group[name]))];
    if (choices.length < 2) return;
    const label = form.appendChild(document.createElement("label"));
    const select = document.createElement("select");
    choices.forEach((choice) => select.append(new Option(choice, choice, false, choice === here[name])));
    label.append(name, select);
    select.addEventListener("change", () => {
      const score = (group) => names.reduce((sum, other) => sum + (group[other] === here[other]), 0);
      const fitting = groups.filter((group) => group[name] === select.value).sort((a, b) => score(b) - score(a));
      location.href = fitting[0].href + (select.dataset.view ? `#${select.dataset.view}` : "");
    });
  });
  form.hidden = !form.children.length;
}

// What a mark of a chart stands for, at the pointer or the focus.
const tip = document.body.appendChild(Object.assign(document.createElement("div"), { id: "tip", hidden: true }));
tip.setAttribute("aria-hidden", "true");
document.querySelectorAll(".mark [aria-label]").forEach((mark) => {
  mark.querySelector("title").remove();
  const curve = mark.closest(".curve");
  const show = () => {
    const box = mark.getBoundingClientRect();
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const left = Math.min(box.right + 4, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${box.top + scrollY - tip.offsetHeight - 4}px`;
    if (curve) light(mark.closest(".charts"), curve.dataset.name);
  };
  const hide = () => { tip.hidden = true; if (curve) light(mark.closest(".charts"), null); };
  for (const event of ["mouseenter", "focus"]) mark.addEventListener(event, show);
  for (const event of ["mouseleave", "blur"]) mark.addEventListener(event, hide);
});
document.querySelectorAll(".legend .curve").forEach((item) => {
  const charts = item.closest(".legend").nextElementSibling;
  item.addEventListener("mouseenter", () => light(charts, item.dataset.name));
  item.addEventListener("mouseleave", () => light(charts, null));
});
function light(charts, name) {
  charts.classList.toggle("focused", name !== null);
  charts.querySelectorAll(".curve").forEach((curve) => curve.classList.toggle("hot", curve.dataset.name === name));
}
