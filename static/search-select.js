// <search-select> around a <select> makes it searchable: the combobox of the WAI-ARIA Authoring Practices, with a list
// that narrows as one types. The select stays the form's field and says when it changed; without script it is all there is.
// An option's data-note is shown beside it, and searched as well.

class SearchSelect extends HTMLElement {
  connectedCallback() {
    if (this.input) return;
    this.select = this.querySelector("select");
    this.select.hidden = true;
    this.input = document.createElement("input");
    this.list = document.createElement("ul");
    Object.assign(this.input, { type: "text", id: `${this.select.id}-search`, className: this.select.className });
    Object.assign(this.input, { autocomplete: "off", spellcheck: false, placeholder: this.select.options[0].text });
    Object.assign(this.list, { id: `${this.select.id}-list`, className: "options", hidden: true });
    const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const name of ["aria-label", "aria-describedby", "aria-invalid"]) {
      if (this.select.hasAttribute(name)) attributes[name] = this.select.getAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", this.select.getAttribute("aria-label"));
    this.append(this.input, this.list);
    this.restore();
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => {
      if (!this.list.hidden) return;
      this.input.select();
      this.open();
    });
    this.input.addEventListener("blur", () => this.leave());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    // What is typed here is a search, not yet a change of the form.
    this.input.addEventListener("input", (event) => {
      event.stopPropagation();
      this.open(this.input.value);
    });
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose(item);
    });
  }

  get items() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  restore() {
    const chosen = this.select.selectedOptions[0];
    this.input.value = chosen?.value ? chosen.text : "";
  }

  open(search = "") {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (option) => words.every((word) => `${option.text} ${option.dataset.note ?? ""}`.toLowerCase().includes(word));
    this.list.replaceChildren(...[...this.select.querySelectorAll("optgroup")].flatMap((group) => {
      const options = [...group.querySelectorAll("option")].filter(fits);
      return options.length ? [heading(group.label), ...options.map((option) => this.item(option))] : [];
    }));
    if (!this.items.length) this.list.append(heading("Nothing found"));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.activate(words.length ? this.best(search) : this.items.find((item) => item.dataset.value === this.select.value));
  }

  // Of those that are found the one that is called so, or begins so, before those that have it somewhere.
  best(search) {
    const sought = search.trim().toLowerCase();
    const names = this.items.map((item) => item.firstChild.textContent.toLowerCase());
    const place = [names.indexOf(sought), names.findIndex((name) => name.startsWith(sought)), 0].find((place) => place >= 0);
    return this.items[place];
  }

  item(option) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${option.index}`;
    item.dataset.value = option.value;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(option.value === this.select.value));
    const name = document.createElement("bdi");
    const note = document.createElement("span");
    name.textContent = option.text;
    note.textContent = option.dataset.note ?? "";
    item.append(name, note);
    return item;
  }

  activate(item) {
    this.active?.removeAttribute("data-active");
    this.active = item ?? null;
    if (item) {
      item.setAttribute("data-active", "");
      item.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", item.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  choose(item) {
    const changed = this.select.value !== item.dataset.value;
    this.select.value = item.dataset.value;
    this.close();
    if (changed) this.select.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Who typed a name in full, or leaves with Tab while one is marked, has chosen it.
  leave(marked = null) {
    const typed = this.input.value.trim().toLowerCase();
    const named = typed && this.items.find((item) => item.firstChild.textContent.toLowerCase() === typed);
    const item = this.list.hidden ? null : named || marked;
    if (item) this.choose(item);
    else this.close();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(null);
    this.restore();
  }

  onKey(event) {
    if (event.isComposing) return; // the keys belong to the input method
    const isOpen = !this.list.hidden;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      event.preventDefault();
      if (!isOpen) return this.open();
      const items = this.items;
      const place = items.indexOf(this.active);
      this.activate(items.at(place < 0 && move < 0 ? -1 : (place + move) % items.length));
    } else if (event.key === "Enter" && isOpen) {
      event.preventDefault(); // chooses, does not send the form
      if (this.active) this.choose(this.active);
    } else if (event.key === "Tab" && isOpen) {
      this.leave(this.input.value ? this.active : null); // and go on to the next field
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    }
  }
}

function heading(text) {
  const heading = document.createElement("li");
  heading.className = "options-heading";
  heading.setAttribute("role", "presentation");
  heading.textContent = text;
  return heading;
}

customElements.define("search-select", SearchSelect);
