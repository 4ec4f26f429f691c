"use strict";
// Sorting and filtering of the page's tables. It reads and moves what is there, and asks nobody for anything.

// The first number of a cell ("9.3× (2.7–26)", "< 0.8×", "12%"); NaN where there is none.
const leading = (text) => {
  const found = text.replace(/[\u2212]/g, "-").match(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/i);
  return found ? Number(found[0]) : NaN;
};

// Numbers where the cell begins with one, else words; cells without either come last in both directions.
const compare = (a, b, down) => {
  const numeric = (text) => /^[\s<>~]*-?\d/.test(text);
  const empty = (text) => !/[\p{L}\p{N}]/u.test(text);
  if (empty(a) || empty(b)) return empty(a) - empty(b);
  const both = numeric(a) && numeric(b);
  const order = both ? leading(a) - leading(b) : a.localeCompare(b, "en", { numeric: true });
  return down ? -order : order;
};

// Whether a row's text has every word that was typed.
const matches = (text, typed) => typed.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));

const install = (page) => {
  const FEW = 3; // rows that nobody has to filter
  // Rows below one heading belong together: they are sorted among themselves.
  const groupsOf = (body) => {
    const groups = [{ head: null, rows: [] }];
    for (const row of body.rows) {
      if (row.classList.contains("head")) groups.push({ head: row, rows: [] });
      else groups[groups.length - 1].rows.push(row);
    }
    return groups;
  };
  for (const table of page.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const sort = () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = (row) => (row.cells[column] ? row.cells[column].textContent.trim() : "");
        for (const { head: title, rows } of groupsOf(body)) {
          if (title) body.append(title);
          rows.sort((a, b) => compare(text(a), text(b), down));
          body.append(...rows);
        }
      };
      head.tabIndex = 0;
      head.title = "sort";
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    });
    const field = table.parentElement.previousElementSibling;
    if (!field || field.type !== "search") continue;
    field.hidden = body.rows.length <= FEW;
    field.addEventListener("input", () => {
      for (const { head, rows } of groupsOf(body)) {
        const title = head ? head.textContent : "";
        for (const row of rows) row.hidden = !matches(`${title} ${row.textContent}`, field.value.trim());
        if (head) head.hidden = rows.every((row) => row.hidden);
      }
    });
  }
  // Paper has nothing to click on: what is folded away is printed, and folded away again afterwards.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...page.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
};

if (typeof document !== "undefined") install(document);
if (typeof module !== "undefined") module.exports = { compare, leading, matches };
