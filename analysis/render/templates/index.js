"use strict";
// Sorts and filters the phones. Without it the page shows all, the worst first.
const table = document.querySelector(".index");
const rows = [...table.tBodies[0].rows];
const filter = document.querySelector(".filter");
const onlyOpen = document.querySelector(".only-open");
const hits = document.querySelector(".hits");
let texts;

const show = () => {
  texts ??= rows.map((row) => row.textContent.toLowerCase());
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, place) => {
    const fits = words.every((word) => texts[place].includes(word)) &&
      (!onlyOpen.checked || row.classList.contains("alarm"));
    row.hidden = !fits;
    shown += fits;
  });
  hits.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} phones`;
};
for (const control of [filter, onlyOpen]) control.addEventListener("input", show);
document.querySelector(".tools").hidden = false;

const heads = [...table.tHead.rows[0].cells];
heads.forEach((head, column) => {
  const numeric = head.hasAttribute("data-number");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  const key = (row) => {
    const cell = row.cells[column];
    return numeric ? Number(cell.dataset.v) : (cell.dataset.v ?? cell.textContent).trim().toLowerCase();
  };
  button.addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const up = before ? before === "descending" : !numeric;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => (numeric ? a - b : a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  });
});
