// The texts that users have, from the server.

const SEARCH_DELAY_MS = 120; // after a key

export class Suggestions {
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
      const answer = await fetch(`${this.source}&q=${encodeURIComponent(search)}`);
      const list = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("datalist");
      if (!list) return nothing; // an error, or the page to sign in
      return { options: [...list.options].map(({ value, dataset }) => ({ value, ...dataset })), areAll: "all" in list.dataset };
    } catch {
      return nothing;
    }
  }
}
