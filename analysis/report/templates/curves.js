"use strict";
// Best-so-far curves of every task, drawn from the page's own JSON: names toggle them, pointing reads them out.

// The row of a step function that holds at x; -1 before its first and after its last x.
const rowAt = (xs, x) => {
  if (!xs.length || x < xs[0] || x > xs[xs.length - 1]) return -1;
  let [low, high] = [0, xs.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (xs[middle] <= x) low = middle; else high = middle - 1;
  }
  return low;
};

// The path of a step function; px and py turn its numbers into places.
const steps = (xs, ys, px, py) =>
  xs.map((x, i) => (i ? `H${px(x)}V${py(ys[i])}` : `M${px(x)} ${py(ys[i])}`)).join("");

// The area between two step functions over the same x.
const band = (xs, low, high, px, py) => {
  const back = xs.map((x, i) => `V${py(low[i])}H${px(x)}`).reverse().join("");
  return `${steps(xs, high, px, py)}${back}Z`;
};

// 1, 2 and 5 times powers of ten from low to high; the powers alone where those are many.
const ticks = (low, high) => {
  const within = (factors) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of factors) found.push(Number(`${factor}e${power}`));
    }
    return found.filter((value) => value >= low && value <= high);
  };
  const all = within([1, 2, 5]);
  return all.length > 7 ? within([1]) : all;
};

const drawCurves = (page, data, place) => {
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [320, 200, 30, 14, 8, 34];
  const FEW = 6; // panels that are seen at once
  const SVG = "http://www.w3.org/2000/svg";
  const add = (parent, name, attributes = {}, text = "") => {
    const made = parent.namespaceURI === SVG || name === "svg" ? page.createElementNS(SVG, name) : page.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return parent.appendChild(made);
  };
  const line = { fill: "none", "stroke-width": 1.6 };
  const looks = data.strategies.map((own) => ({ ...line, stroke: own.colour, "stroke-dasharray": own.dash }));
  const on = data.strategies.map((own) => own.on);
  let axis = Object.keys(data.axes)[0];
  let marked = -1;

  const draw = (panel) => {
    const curves = panel.data.curves[axis] || {};
    const inside = Object.entries(curves).filter(([i]) => !data.strategies[i].law).flatMap(([, [xs]]) => xs.filter((x) => x > 0));
    const [low, high] = [0.9 * Math.min(...inside), Math.max(...inside)];
    const top = 1.01 * Math.max(1, ...panel.data.lines.map((level) => level.at));
    const span = Math.log(high / low) || 1;
    const px = (x) => +(LEFT + (WIDTH - LEFT - RIGHT) * Math.min(1, Math.max(0, Math.log(x / low) / span))).toFixed(1);
    const at = (quality) => +(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (quality / top) ** 3)).toFixed(1);
    const py = (thousandths) => at(thousandths / 1000);
    Object.assign(panel, { curves, low, high, px });
    const { svg } = panel;
    svg.replaceChildren();
    if (!inside.length) return;
    for (const value of [0, 0.5, 0.7, 0.8, 0.9, 1]) {
      add(svg, "path", { d: `M${LEFT} ${at(value)}H${WIDTH - RIGHT}`, class: "grid" });
      add(svg, "text", { x: LEFT - 4, y: at(value) + 3.5, "text-anchor": "end" }, String(value));
    }
    for (const value of ticks(low, high)) {
      add(svg, "path", { d: `M${px(value)} ${HEIGHT - BOTTOM}v3`, class: "axis" });
      add(svg, "text", { x: px(value), y: HEIGHT - BOTTOM + 14, "text-anchor": "middle" }, String(value));
    }
    add(svg, "path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, class: "axis" });
    add(svg, "text", { x: (WIDTH + LEFT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, data.axes[axis]);
    // what is no strategy: names that would stand on each other are joined
    const names = [];
    for (const { name, at: level, dash } of panel.data.lines) {
      const y = at(level);
      add(svg, "path", { d: `M${LEFT} ${y}H${WIDTH - RIGHT}`, class: "level", "stroke-dasharray": dash });
      const before = names[names.length - 1];
      if (before && before.y - y < 11) Object.assign(before, { text: `${name}, ${before.text}`, y });
      else names.push({ text: name, y });
    }
    data.strategies.forEach((own, i) => {
      if (!on[i] || !curves[i]) return;
      const [xs, median, low25, high75] = curves[i];
      const group = add(svg, "g", marked >= 0 && marked !== i ? { opacity: 0.15 } : {});
      if (marked === i || own.law) add(group, "path", { d: band(xs, low25, high75, px, py), fill: own.colour, opacity: 0.18 });
      add(group, "path", { ...looks[i], d: steps(xs, median, px, py) });
    });
    for (const { text, y } of names) add(svg, "text", { x: LEFT + 3, y: y - 2 < TOP + 8 ? y + 10 : y - 2, class: "name" }, text);
    panel.guide = add(svg, "path", { class: "guide" });
  };

  const readOut = (panel, wanted) => {
    if (!panel.guide) return;
    const x = Math.min(panel.high, Math.max(panel.low, wanted));
    panel.x = axis === "evaluations" ? Math.max(1, Math.round(x)) : x;
    panel.guide.setAttribute("d", `M${panel.px(panel.x)} ${TOP}V${HEIGHT - BOTTOM}`);
    const rows = data.strategies.map((own, i) => {
      const curve = on[i] && panel.curves[i];
      const row = curve ? rowAt(curve[0], panel.x) : -1;
      return row < 0 ? null : { own, values: [1, 2, 3].map((k) => (curve[k][row] / 1000).toFixed(3)) };
    });
    const { told } = panel;
    told.replaceChildren();
    add(told, "b", {}, `${Number(panel.x.toPrecision(3))} ${data.axes[axis].replace(/ \(.*/, "")}`);
    for (const { own, values } of rows.filter(Boolean).sort((a, b) => b.values[0] - a.values[0])) {
      const row = add(told, "div");
      add(row, "i", { style: `background:${own.colour}` });
      add(row, "span", {}, own.name);
      add(row, "span", {}, `${values[0]} (${values[1]}–${values[2]})`);
    }
    told.hidden = false;
  };

  const hide = (panel) => {
    panel.told.hidden = true;
    if (panel.guide) panel.guide.removeAttribute("d");
  };

  const controls = add(place, "p", { class: "controls" });
  const shelves = [add(place, "div", { class: "panels" })];
  if (data.panels.length > FEW) {
    const folded = add(place, "details");
    add(folded, "summary", {}, `${data.panels.length - FEW} more`);
    shelves.push(add(folded, "div", { class: "panels" }));
  }
  const panels = data.panels.map((own, i) => {
    const figure = add(shelves[i < FEW ? 0 : 1], "figure", { class: "panel" });
    add(figure, "figcaption", {}, own.title.replace("__", " "));
    const box = add(figure, "div", { class: "box" });
    const label = `${own.title}: best so far; arrow keys read it out`;
    const svg = add(box, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "img", "aria-label": label });
    const told = add(box, "div", { class: "readout", role: "status", hidden: "" });
    const panel = { data: own, svg, told };
    const point = (event) => {
      const ruler = svg.getBoundingClientRect();
      const share = ((event.clientX - ruler.left) * WIDTH / ruler.width - LEFT) / (WIDTH - LEFT - RIGHT);
      readOut(panel, panel.low * (panel.high / panel.low) ** share);
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(panel); });
    svg.addEventListener("blur", () => hide(panel));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: 1 / 1.1, ArrowRight: 1.1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const least = axis === "evaluations" ? Math.sign(step - 1) : 0;
      const from = panel.x || panel.low;
      readOut(panel, Math.abs(from * step - from) < 1 && least ? from + least : from * step);
    });
    return panel;
  });
  const redraw = () => panels.forEach(draw);

  for (const [name, label] of Object.entries(data.axes)) {
    const button = add(controls, "button", { type: "button", "aria-pressed": name === axis, class: "axis-choice" }, label);
    button.addEventListener("click", () => {
      axis = name;
      for (const other of controls.querySelectorAll(".axis-choice")) other.setAttribute("aria-pressed", other === button);
      panels.forEach((panel) => { panel.x = undefined; hide(panel); });
      redraw();
    });
  }
  data.strategies.forEach((own, i) => {
    const button = add(controls, "button", { type: "button", "aria-pressed": on[i], class: "toggle" });
    const key = add(button, "svg", { viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" });
    add(key, "path", { ...looks[i], d: "M0 5H26", "stroke-width": 2.2 });
    add(button, "span", {}, own.name);
    button.addEventListener("click", () => {
      on[i] = !on[i];
      button.setAttribute("aria-pressed", on[i]);
      redraw();
    });
    const mark = (which) => () => { marked = which; redraw(); };
    button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && on[i]) mark(i)(); });
    button.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") mark(-1)(); });
  });
  redraw();
};

if (typeof document !== "undefined") {
  const place = document.getElementById("explorer");
  if (place) drawCurves(document, JSON.parse(document.getElementById("curves-data").textContent), place);
}
if (typeof module !== "undefined") module.exports = { band, rowAt, steps, ticks };
