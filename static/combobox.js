// <combo-box> around a field adds the combobox of the WAI-ARIA Authoring Practices: a list that narrows as one types.
// Which one, the field decides:
//   <select>    one of its options. data-note stands beside an option and data-about below it; both are searched. With
//               data-define a last entry asks for what is not there, by an event “define” with what was typed.
//   <input>     any text; texts that users have are suggested.
//   <textarea>  any texts, one a line, shown as chips; suggested likewise.
// The field stays the form's, and says by “input” when it changed; without script it is all there is. data-source is
// where suggestions come from, data-label the name where the field's own would mislead.

const SEARCH_DELAY_MS = 120; // after a key
const CLICK_MS = 200; // a click that takes the focus away is over by then

class ComboBox extends HTMLElement {
  connectedCallback() {
    if (this.list) return; // it only moved
    for (const copied of this.querySelectorAll(":scope > [data-made]")) copied.remove(); // a copy makes its own
    this.field = this.querySelector("select, textarea, input");
    this.list = make("ul", { "data-made": "", id: `${this.field.id}-list`, class: "options", role: "listbox", hidden: "" });
    this.kind = new { SELECT: Choice, INPUT: FreeText, TEXTAREA: Chips }[this.field.tagName](this, this.field);
    this.input = this.kind.input;
    const label = this.dataset.label ?? this.field.getAttribute("aria-label");
    this.list.setAttribute("aria-label", label);
    const attributes = { role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (this.field.hasAttribute(name)) attributes[name] = this.field.getAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    this.append(this.list);
    this.input.addEventListener("focus", () => this.kind.onFocus?.());
    this.input.addEventListener("click", () => { if (this.list.hidden) this.open(); });
    this.input.addEventListener("blur", () => { this.kind.onBlur?.(); this.close(); });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("input", (event) => {
      this.isTyped = true;
      this.kind.onInput?.(event);
      this.open();
    });
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.take(item);
    });
  }

  // Show the field as it is, after its value was set from outside.
  refresh() {
    this.kind.refresh();
  }

  get items() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  // What is found for what is typed, or all. What comes after a newer question, or after the list was left, is not shown.
  async open({ step = 0 } = {}) {
    const search = this.isTyped ? this.input.value : "";
    const question = (this.question = {});
    const found = await this.kind.find(search);
    if (this.question !== question || !found) return;
    const entries = this.kind.entries(found, search);
    this.list.replaceChildren(...entries);
    this.list.hidden = !entries.length;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.activate(this.kind.best ? this.kind.best(search) : step && this.items.at(step > 0 ? 0 : -1));
  }

  close() {
    this.question = null;
    this.isTyped = false;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(null);
    this.kind.onClose?.();
  }

  activate(item) {
    this.active?.removeAttribute("data-active");
    this.active = item || null;
    if (item) {
      item.setAttribute("data-active", "");
      item.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", item.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  take(item) {
    const { value } = item.dataset;
    const isNew = item.hasAttribute("data-define");
    if (!isNew) this.kind.take(value);
    this.close();
    if (isNew) this.dispatchEvent(new CustomEvent("define", { bubbles: true, detail: value }));
  }

  onKey(event) {
    if (event.isComposing) return; // the keys belong to the input method
    const isOpen = !this.list.hidden;
    const step = event.altKey && event.shiftKey ? 0 : { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (!isOpen) return this.open({ step });
      const place = this.items.indexOf(this.active);
      this.activate(this.items.at(place < 0 && step < 0 ? -1 : (place + step) % this.items.length));
    } else if (event.key === "Enter" && isOpen && this.active) {
      event.preventDefault(); // takes, does not send the form
      this.take(this.active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else {
      this.kind.onKey(event, isOpen);
    }
  }

  entry({ value, text = value, note = "", about = "" }, attributes = {}) {
    const item = make("li", { id: `${this.list.id}-${this.made = (this.made ?? 0) + 1}`, role: "option", "data-value": value, "aria-selected": "false", ...attributes });
    const name = make("bdi");
    name.textContent = text;
    item.append(name);
    for (const [part, words] of [["note", note], ["about", about]]) {
      if (!words) continue;
      const element = make("span", { class: part, dir: "auto" });
      element.textContent = words;
      item.append(element);
    }
    return item;
  }
}

// One of the options of a select.
class Choice {
  constructor(box, select) {
    Object.assign(this, { box, select });
    select.hidden = true;
    this.input = make("input", { "data-made": "", id: `${select.id}-search`, class: select.className, autocomplete: "off", spellcheck: "false", placeholder: select.options[0].text });
    box.append(this.input);
    this.refresh();
    this.input.addEventListener("click", () => { if (box.list.hidden) this.input.select(); });
  }

  refresh() {
    const chosen = this.select.selectedOptions[0];
    this.input.value = chosen?.value ? chosen.text : "";
  }

  onFocus() { this.input.select(); }
  onInput(event) { event.stopPropagation(); } // a search, not yet a change of the form
  onClose() { this.refresh(); }

  find(search) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (option) => words.every((word) => [option.text, option.dataset.note, option.dataset.about].join(" ").toLowerCase().includes(word));
    const groups = [...this.select.querySelectorAll("optgroup")];
    return groups.map((group) => ({ label: group.label, options: [...group.querySelectorAll("option")].filter(fits) }));
  }

  entries(groups, search) {
    const list = groups.filter(({ options }) => options.length).flatMap(({ label, options }) => [
      heading(label),
      ...options.map((option) => this.box.entry(
        { value: option.value, text: option.text, ...option.dataset },
        { "aria-selected": String(option.value === this.select.value) },
      )),
    ]);
    if (!list.length) list.push(heading("Nothing found"));
    const typed = search.trim();
    const isThere = [...this.select.options].some((option) => option.value === typed);
    if (this.box.hasAttribute("data-define") && !isThere) {
      list.push(this.box.entry({ value: typed, text: typed ? `Define “${typed}”…` : "Define a trait…" }, { "data-define": "" }));
    }
    return list;
  }

  // Of those that are found the one that is called so, or begins so, before those that have it somewhere.
  best(search) {
    const sought = search.trim().toLowerCase();
    const { items } = this.box;
    if (!sought) return items.find((item) => item.dataset.value === this.select.value);
    const places = [items.findIndex((item) => called(item) === sought), items.findIndex((item) => called(item).startsWith(sought)), 0];
    return items[places.find((place) => place >= 0)];
  }

  take(value) {
    if (this.select.value === value) return;
    this.select.value = value;
    this.refresh();
    changed(this.select);
  }

  // Who typed a name in full, or leaves with Tab while one is marked, has chosen it.
  leave(marked = null) {
    const typed = this.box.list.hidden ? "" : this.input.value.trim().toLowerCase();
    const item = (typed && this.box.items.find((item) => called(item) === typed)) || marked;
    if (item && !item.hasAttribute("data-define")) this.box.take(item);
  }

  onBlur() { this.leave(); }

  onKey(event, isOpen) {
    if (event.key === "Enter" && isOpen) event.preventDefault();
    else if (event.key === "Tab" && isOpen) this.leave(this.input.value ? this.box.active : null); // and goes on to the next field
  }
}

// Any text.
class FreeText {
  constructor(box, input) {
    Object.assign(this, { box, input, suggestions: new Suggestions(box.dataset.source) });
  }

  refresh() {}
  onFocus() { this.suggestions.first(); } // so that they are there when one types
  find(search) { return this.suggestions.find(search); }

  entries(options) {
    const isAllThatIsThere = options.length === 1 && options[0].value === this.input.value;
    return isAllThatIsThere ? [] : options.map((option) => this.box.entry(option));
  }

  take(value) {
    this.input.value = value;
    changed(this.input);
  }

  onKey(event) {
    if (event.key === "Tab" && this.box.active) this.box.take(this.box.active);
  }
}

// Any texts, as chips. What is typed counts already before it is one.
class Chips {
  constructor(box, area) {
    Object.assign(this, { box, area, suggestions: new Suggestions(box.dataset.source), values: [] });
    area.hidden = true;
    this.input = make("input", { id: `${area.id}-search`, autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: "Add values", dir: "auto" });
    this.chips = make("ul", { "aria-label": "Chosen values" });
    const frame = make("div", { "data-made": "", class: "field chips" });
    frame.append(this.chips, this.input);
    box.append(frame);
    frame.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.remove(this.place(button));
      if (!button || event.detail) this.input.focus(); // from the keyboard one goes on among the chips
    });
    this.chips.addEventListener("keydown", (event) => this.onChipKey(event));
    this.input.addEventListener("paste", (event) => this.onPaste(event));
    this.refresh();
  }

  get typed() { return this.input.value; }
  get buttons() { return [...this.chips.querySelectorAll("button")]; }
  place(button) { return this.buttons.indexOf(button); }

  refresh() {
    this.values = [...new Set(linesOf(this.area.value))];
    if (this.values.at(-1) === this.typed) this.values.pop();
    this.show();
  }

  show() {
    this.chips.replaceChildren(...this.values.map((value) => {
      const chip = make("li", { class: "chip" });
      const text = make("bdi", { title: value });
      text.textContent = value;
      const button = make("button", { type: "button", tabindex: "-1", "aria-label": `Remove ${value}` });
      button.textContent = "×";
      chip.append(text, button);
      return chip;
    }));
    this.chips.hidden = !this.values.length;
  }

  // The form's field holds the chips and what is being typed.
  store() {
    const values = this.typed.trim() ? [...this.values, this.typed] : this.values;
    const lines = values.map(lineOf).join("\n");
    if (this.area.value === lines) return;
    this.area.value = lines;
    changed(this.area);
  }

  add(values) {
    const fresh = [...new Set(values.filter((value) => value.trim() && !this.values.includes(value)))];
    this.input.value = "";
    this.box.isTyped = false;
    this.values.push(...fresh);
    this.show();
    this.store();
    this.input.scrollIntoView({ block: "nearest" });
    if (fresh.length) say(fresh.length === 1 ? `Added ${fresh[0]}` : `Added ${fresh.length} values`);
  }

  remove(place) {
    const hadFocus = this.buttons.includes(document.activeElement);
    const [value] = this.values.splice(place, 1);
    this.show();
    this.store();
    if (hadFocus) (this.buttons[Math.min(place, this.values.length - 1)] ?? this.input).focus();
    say(`Removed ${value}`);
  }

  take(value) { this.add([value]); }

  onFocus() { this.suggestions.first(); }

  onInput(event) {
    event.stopPropagation(); // the field itself says so
    this.store();
  }

  // Only after the click that took the focus away, under which a chip more could move what is clicked.
  onBlur() {
    setTimeout(() => { if (document.activeElement !== this.input && this.typed.trim()) this.add([this.typed]); }, CLICK_MS);
  }

  find(search) { return this.suggestions.find(search); }

  entries(options) {
    const others = options.filter(({ value }) => !this.values.includes(value));
    return others.length === 1 && others[0].value === this.typed ? [] : others.map((option) => this.box.entry(option));
  }

  onKey(event) {
    const isAtStart = this.input.selectionEnd === 0;
    if (event.key === "Enter") {
      event.preventDefault(); // does not send the form
      this.box.close();
      this.add([this.typed]);
    } else if (event.key === "Tab") {
      if (this.box.active) this.box.take(this.box.active);
      else if (this.typed.trim()) this.add([this.typed]);
    } else if (event.key === "Backspace" && isAtStart && this.values.length) {
      event.preventDefault();
      this.remove(this.values.length - 1);
    } else if (event.key === "ArrowLeft" && isAtStart && this.values.length) {
      event.preventDefault();
      this.buttons.at(-1).focus();
    }
  }

  onChipKey(event) {
    const place = this.place(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) (this.buttons[Math.max(place + step, 0)] ?? this.input).focus();
    else if (event.key === "Backspace" || event.key === "Delete") this.remove(place);
    else return;
    event.preventDefault();
  }

  onPaste(event) {
    const values = pastedValues(event.clipboardData.getData("text/plain"));
    if (values.length < 2) return;
    event.preventDefault();
    this.box.close();
    this.add([this.typed, ...values]);
  }
}

// The texts that users have, from the server.
class Suggestions {
  constructor(source) {
    this.source = source;
  }

  // The most frequent; asked for once.
  first() {
    return (this.asked ??= this.ask(""));
  }

  // Options; null when a newer search came meanwhile.
  async find(search) {
    const question = (this.question = {});
    const { options, areAll } = await this.first();
    if (!search) return options;
    if (areAll) return options.filter(({ value }) => value.toLowerCase().includes(search.toLowerCase()));
    await new Promise((resolve) => setTimeout(resolve, SEARCH_DELAY_MS));
    return this.question === question ? (await this.ask(search)).options : null;
  }

  async ask(search) {
    const nothing = { options: [], areAll: false }; // they are a comfort: one can type without them
    if (!this.source) return nothing;
    try {
      // As htmx asks, so that whoever is signed out gets an error instead of a page.
      const answer = await fetch(`${this.source}&q=${encodeURIComponent(search)}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return nothing;
      const list = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("datalist");
      return { options: [...list.options].map(({ value, dataset }) => ({ value, ...dataset })), areAll: "all" in list.dataset };
    } catch {
      return nothing;
    }
  }
}

function make(tag, attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function heading(text) {
  const heading = make("li", { class: "options-heading", role: "presentation" });
  heading.textContent = text;
  return heading;
}

const called = (item) => item.firstChild.textContent.toLowerCase();
const changed = (field) => field.dispatchEvent(new Event("input", { bubbles: true }));

const status = document.body.appendChild(make("p", { role: "status", class: "visually-hidden" }));
function say(text) {
  status.textContent = text;
}

// A list has one value a line; one with line breaks of its own stands there as JSON writes it, as in engage/forms.py.
function linesOf(text) {
  return text.split(/\r\n|\n|\r/).filter((line) => line.trim()).map((line) => quoted(line) || line);
}

function lineOf(value) {
  const isPlain = !/[\r\n]/.test(value) && !quoted(value);
  return isPlain ? value : JSON.stringify(value);
}

function quoted(line) {
  if (line[0] !== '"' || line.at(-1) !== '"') return "";
  try {
    return JSON.parse(line);
  } catch {
    return "";
  }
}

// A list from elsewhere: parts between commas, semicolons, tabs and line breaks; in double quotes these belong to a part.
function pastedValues(text) {
  const parts = text.match(/"(?:[^"]|"")*"|[^,;\t\r\n]+/g) ?? [];
  return parts.map((part) => part.trim().replace(/^"(.*)"$/s, (_, inside) => inside.replaceAll('""', '"'))).filter(Boolean);
}

customElements.define("combo-box", ComboBox);
