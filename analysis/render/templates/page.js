"use strict";
// On paper the verdict is unfolded.
const folded = [...document.querySelectorAll(".rules details:not([open])")];
addEventListener("beforeprint", () => folded.forEach((rule) => { rule.open = true; }));
addEventListener("afterprint", () => folded.forEach((rule) => { rule.open = false; }));
// Sorts and filters the tables of destinations. Without it the page shows everything, the most worrying first.
for (const device of document.querySelectorAll(".device")) {
  const table = device.querySelector(".destinations");
  const rows = [...table.tBodies];
  let texts;
  const filter = device.querySelector(".filter");
  const onlyOpen = device.querySelector(".only-open");
  const onlyIds = device.querySelector(".only-ids");
  const hits = device.querySelector(".hits");

  const show = () => {
    texts ??= rows.map((row) => row.textContent.toLowerCase());
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = words.every((word) => texts[place].includes(word)) &&
        (!onlyOpen.checked || row.hasAttribute("data-open")) &&
        (!onlyIds.checked || row.hasAttribute("data-ids"));
      row.hidden = !fits;
      shown += fits;
    });
    hits.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
  };
  for (const control of [filter, onlyOpen, onlyIds]) control.addEventListener("input", show);
  device.querySelector(".tools").hidden = false;

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const numeric = head.hasAttribute("data-number");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const key = (row) => {
      const cell = row.rows[0].cells[column];
      return numeric ? Number(cell.dataset.v) : (cell.dataset.v ?? cell.textContent).trim().toLowerCase();
    };
    button.addEventListener("click", () => {
      // The first click on a number shows the largest first, on a text the first of the alphabet.
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !numeric;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const keyed = rows.map((row) => [key(row), row]);
      keyed.sort(([a], [b]) => (numeric ? a - b : a.localeCompare(b)) * (up ? 1 : -1));
      table.append(...keyed.map(([, row]) => row));
    });
  });
}
