// The page to read about the routes and to try them. Text of the server is only ever text here:
// nothing is written as HTML. No request leaves this server.
"use strict";

const MOST_SHOWN = 200_000;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function resolved(schema, docs) {
  if (schema && schema.$ref) return docs.components.schemas[schema.$ref.split("/").pop()];
  return schema || {};
}

// A value to begin with: enough to see the shape, not more.
function example(schema, docs, depth = 0) {
  schema = resolved(schema, docs);
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choice = (schema.anyOf || []).find((one) => one.type !== "null");
  if (choice) return depth > 2 ? undefined : example(choice, docs, depth);
  if (schema.type === "array") {
    const item = depth > 1 ? undefined : example(schema.items, docs, depth + 1);
    return item === undefined ? [] : [item];
  }
  if (schema.type === "object" || schema.properties) {
    const made = {};
    const entries = Object.entries(schema.properties || {});
    for (const [name, part] of entries.slice(0, depth ? 6 : 12)) {
      const value = depth > 1 ? undefined : example(part, docs, depth + 1);
      if (value !== undefined) made[name] = value;
    }
    return made;
  }
  return { string: "", integer: 0, number: 0, boolean: false }[schema.type];
}

function field(parameter) {
  const schema = parameter.schema;
  let input;
  if (schema.enum || schema.type === "boolean") {
    input = element("select");
    input.append(element("option", { value: "", textContent: "" }));
    for (const value of schema.enum || [true, false])
      input.append(element("option", { value: String(value), textContent: String(value) }));
  } else {
    input = element("input", { type: "text" });
  }
  input.name = parameter.name;
  if (schema.default !== undefined) input.placeholder = String(schema.default);
  return input;
}

function parameterRow(parameter, inputs) {
  const input = field(parameter);
  inputs.push({ parameter, input });
  const label = element("label", { textContent: parameter.name });
  if (parameter.required) label.className = "needed";
  const row = element("div", { className: "parameter" }, label, input);
  if (parameter.description) row.append(element("small", { textContent: parameter.description }));
  return row;
}

function address(path, inputs) {
  const query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") {
      path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    } else if (input.value !== "") {
      query.append(parameter.name, input.value);
    }
  }
  const text = query.toString();
  return ".." + path + (text ? `?${text}` : "");
}

async function send(method, path, inputs, body, bodyType, output) {
  output.hidden = false;
  output.textContent = "…";
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers["X-Authorization"] = key;
  if (body) headers["Content-Type"] = bodyType;
  const begun = performance.now();
  try {
    const answer = await fetch(address(path, inputs), {
      method, headers, body: body ? body.value : undefined, redirect: "error",
    });
    const kind = answer.headers.get("Content-Type") || "";
    if (kind.startsWith("text/event-stream")) {
      output.textContent = `${answer.status} ${kind}\n\n(a stream; open it with EventSource or curl -N)`;
      answer.body.cancel();
      return;
    }
    let text = await answer.text();
    if (kind.startsWith("application/json") && text)
      text = JSON.stringify(JSON.parse(text), null, 2);
    if (text.length > MOST_SHOWN) text = text.slice(0, MOST_SHOWN) + "\n… (cut)";
    const spent = Math.round(performance.now() - begun);
    output.textContent = `${answer.status} ${answer.statusText}  ${kind}  ${spent} ms\n\n${text}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function operation(path, method, told, docs) {
  const inside = element("div", { className: "inside" });
  const shown = element("details", {},
    element("summary", {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      element("code", { textContent: path }),
      element("span", { className: "words", textContent: told.summary })),
    inside);
  shown.dataset.words = `${method} ${path} ${told.summary}`.toLowerCase();
  shown.addEventListener("toggle", () => {
    if (!shown.open || inside.childElementCount) return;
    if (told.description)
      inside.append(element("p", { className: "description", textContent: told.description }));
    const inputs = [];
    for (const parameter of told.parameters) inside.append(parameterRow(parameter, inputs));
    let body = null;
    let bodyType = "";
    if (told.requestBody) {
      bodyType = Object.keys(told.requestBody.content)[0];
      const schema = told.requestBody.content[bodyType].schema;
      body = element("textarea", { spellcheck: false });
      body.value = bodyType === "application/json"
        ? JSON.stringify(example(schema, docs), null, 2) : "";
      inside.append(element("label", { textContent: `body, ${bodyType}` }), body);
    }
    const statuses = Object.entries(told.responses)
      .map(([status, answer]) => `${status} ${answer.description}`).join(" · ");
    inside.append(element("p", { className: "description", textContent: statuses }));
    const output = element("pre", { hidden: true });
    const button = element("button", { type: "button", textContent: "Send" });
    button.addEventListener("click", () =>
      send(method.toUpperCase(), path, inputs, body, bodyType, output));
    inside.append(button, output);
  });
  return shown;
}

async function main() {
  const home = document.getElementById("operations");
  const docs = await (await fetch("../api-docs")).json();
  const areas = new Map();
  for (const [path, methods] of Object.entries(docs.paths))
    for (const [method, told] of Object.entries(methods)) {
      const area = told.tags[0];
      if (!areas.has(area)) areas.set(area, element("section", {}, element("h2", { textContent: area })));
      areas.get(area).append(operation(path, method, told, docs));
    }
  home.replaceChildren(...areas.values());
  document.getElementById("find").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of areas.values()) {
      let any = false;
      for (const shown of section.querySelectorAll("details")) {
        shown.hidden = !words.every((word) => shown.dataset.words.includes(word));
        any ||= !shown.hidden;
      }
      section.hidden = !any;
    }
  });
}

main().catch((error) => { document.getElementById("operations").textContent = String(error); });
