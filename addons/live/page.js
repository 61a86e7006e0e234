// Brings the page up to date. All texts are set as text nodes: nothing that was captured is ever parsed.
"use strict";

const EVERY = 1000; // milliseconds between two looks
const SOON = 300; // while there is nothing to show yet

let tag = "";

function element(name, text, classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

function cell(lines, classes) {
  const made = element("td", undefined, classes);
  for (const [text, style] of lines) if (text) made.append(element("span", text, style));
  return made;
}

function row(entry) {
  const made = element("tr", undefined, entry.activation ? "activation" : "");
  made.append(
    cell([[entry.host], ...entry.addresses.map((text) => [text])]),
    cell([[entry.where, entry.doubt ? "doubt" : ""], ...entry.where_more.map((text) => [text])]),
    cell([[entry.purpose, entry.activation ? "bad" : ""], [entry.purpose_more]]),
    cell([[entry.sent], [entry.encrypted, entry.open ? "bad" : "good"]]),
    cell(entry.identifiers.map((text) => [text]), "identifiers"),
  );
  return made;
}

function device(entry) {
  const made = element("section", undefined, "device");
  made.append(
    element("h2", entry.label),
    element("p", entry.facts, "dim"),
    element("p", entry.summary, "summary"),
    element("p", entry.counts, "dim"),
  );
  const table = element("table");
  const head = element("tr");
  for (const title of ["Destination", "Where", "What for", "How often", "Identifiers inside"]) {
    head.append(element("th", title));
  }
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  body.append(...entry.rows.map(row));
  table.append(top, body);
  made.append(table);
  if (entry.more_rows) made.append(element("p", `${entry.more_rows} more destinations are not shown here.`, "dim"));
  return made;
}

function show(report) {
  const devices = report.devices.map(device);
  if (report.more_devices) devices.push(element("p", `${report.more_devices} more devices are not shown here.`));
  document.getElementById("devices").replaceChildren(...devices);
  const notSeen = document.getElementById("not-seen");
  notSeen.hidden = !report.devices.length;
  notSeen.querySelector("ul").replaceChildren(...report.not_seen.map((line) => element("li", line)));
  document.getElementById("sources").replaceChildren(...report.sources.map((line) => element("p", line)));
  const faults = [];
  if (report.stopped) faults.push("The live report has stopped; the capture goes on. Make the report from its file.");
  if (report.lost) faults.push(`${report.lost} exchanges are not on this page, only in the capture.`);
  if (report.faults) faults.push(`${report.faults} could not be examined, by a fault of phonehome.`);
  const when = new Date(report.time * 1000).toLocaleTimeString();
  state(faults.length ? faults.join(" ") : report.devices.length ? `Up to date as of ${when}. Identifiers are masked.`
    : "Waiting for the first transmission.", faults.length > 0);
}

function state(text, fault) {
  const line = document.getElementById("state");
  line.textContent = text;
  line.className = fault ? "fault" : "";
}

async function look() {
  let next = EVERY;
  try {
    const headers = { "X-Phonehome": "1" };
    if (tag) headers["If-None-Match"] = tag;
    const answer = await fetch("report.json", { headers, cache: "no-store" });
    if (answer.status === 200) {
      show(await answer.json());
      tag = answer.headers.get("ETag") || "";
    } else if (answer.status === 204) {
      next = SOON;
    } else if (answer.status !== 304) {
      state(`The proxy answered with ${answer.status}.`, true);
    }
  } catch {
    tag = "";
    state("The proxy does not answer. Is it still running, and is this device still on it?", true);
  }
  setTimeout(look, next);
}

look();
