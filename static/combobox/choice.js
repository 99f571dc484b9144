// A <combo-box> around a <select>: one of its options.

import { changed, make } from "./dom.js";

export class Choice {
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

function heading(text) {
  const heading = make("li", { class: "options-heading", role: "presentation" });
  heading.textContent = text;
  return heading;
}

const called = (item) => item.firstChild.textContent.toLowerCase();
