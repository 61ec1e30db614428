// <relay-form form="NAME" tenant="PRACTICE" lang="de" mode="inline">: a form of the relay in a page of your own.
//
// It sets no cookie, stores nothing, and asks nobody but the relay it came from. What stands inside the element,
// a link to the form, is shown until the form is there, and for good where it cannot be. Without mode="inline" the
// form is in a frame, where no script of your page can read what is written.
//
// Colours and fonts of an inline form are those of your page; to change them, set --relay-accent, --relay-on-accent,
// --relay-border, --relay-error, --relay-radius and --relay-gap on the element, or style its parts: relay-form::part(field).
// Parts: heading, label, hint, field, choice, button, link, notice, trouble, error, footer.

const home = new URL(import.meta.url).origin;

const parts = {
  "h1, h2": "heading",
  "label, legend": "label",
  ".hint": "hint",
  "textarea, select, input": "field",
  "[type=radio], [type=checkbox]": "choice",
  button: "button",
  a: "link",
  ".aside": "notice",
  ".trouble": "trouble",
  ".error": "error",
  footer: "footer",
};

const style = new CSSStyleSheet();
style.replaceSync(`
:host { display: block; line-height: 1.5; overflow-wrap: anywhere }
:host([hidden]), [hidden] { display: none }
*, ::before { box-sizing: border-box }
iframe { display: block; inline-size: 100%; block-size: 900px; border: 0 }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
h1, h2, p, ol, ul { margin-block: 0 .75em }
h1 { font-size: 1.5em; line-height: 1.25 }
h2 { font-size: 1.2em; line-height: 1.3 }
p + h2, ol + h2 { margin-block-start: 1.5em }
a { color: inherit }
.lock { vertical-align: -.2em; margin-inline-end: .5em }
.aside, .trouble { border-inline-start: 4px solid; padding: .75em 1em; margin-block-end: 1.5em }
.trouble, .mend { border-color: var(--relay-error, color-mix(in srgb, #d00 60%, currentColor)) }
.aside > :last-child, .trouble :last-child { margin-block-end: 0 }
.field { border: 0; margin: 0 0 var(--relay-gap, 1.75em); padding: 0; min-inline-size: 0 }
.mend { border-inline-start: 4px solid; padding-inline-start: 1em }
label, legend { display: block; padding: 0; font-weight: 600; margin-block-end: .25em }
.optional { font-weight: 400 }
.hint, footer { font-size: .9em }
.hint, .error { margin-block-end: .4em }
.error, .trouble li { font-weight: 600; color: var(--relay-error, color-mix(in srgb, #d00 60%, currentColor)) }
input, select, textarea, button { font: inherit; color: inherit; letter-spacing: inherit; max-inline-size: 100% }
input, select, textarea { background: transparent; border: 1px solid var(--relay-border, currentColor);
  border-radius: var(--relay-radius, .4em); padding: .6em .75em; min-block-size: 2.75rem; inline-size: 24em }
option { color: CanvasText; background: Canvas }
textarea, [type=file] { inline-size: 100% }
textarea { resize: vertical }
.choice { display: flex; gap: .75em; align-items: center; min-block-size: 2.75rem }
.choice label { margin: 0; font-weight: 400 }
.choice input { inline-size: 1.5em; block-size: 1.5em; min-block-size: 0; margin: 0; flex: none;
  accent-color: var(--relay-accent, #0d5c63) }
button { background: var(--relay-accent, #0d5c63); color: var(--relay-on-accent, #fff); border: 2px solid transparent;
  border-radius: var(--relay-radius, .4em); padding: .7em 1.5em; min-block-size: 2.75rem; font-weight: 600; cursor: pointer }
[aria-disabled=true] { opacity: .6; cursor: progress }
:focus-visible { outline: 3px solid; outline-offset: 2px }
[tabindex]:focus { outline: 0 }
.trouble:focus { outline: 3px solid }
.reference { font-size: 1.6em; letter-spacing: .06em }
footer { margin-block-start: 1.5em }
@media (max-width: 30em) { input:not(.choice *), select, button { inline-size: 100% } }
`);

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// The answer as a document, without innerHTML: works where a page requires Trusted Types. Nothing in it runs.
const load = (url) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () => (request.response?.querySelector("main") ? resolve(request.response) : reject(request.status));
    request.onerror = reject;
    request.send();
  });

class RelayForm extends HTMLElement {
  #root;
  #words;
  #left;
  #busy = false;

  connectedCallback() {
    this.#root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    this.#root.adoptedStyleSheets = [style];
    this.#root.replaceChildren(make("slot"));
    this.#left = new AbortController();
    const path = ["f", this.getAttribute("tenant"), this.getAttribute("form")].filter(Boolean);
    const page = `${home}/${path.map(encodeURIComponent).join("/")}?embed${this.lang && `&_lang=${this.lang}`}`;
    if (this.getAttribute("mode") === "inline") this.#open(page).catch(() => {});
    else this.#frame(page);
  }

  disconnectedCallback() {
    this.#left.abort();
  }

  // --- In a frame ---

  #frame(page) {
    const frame = make("iframe", { src: page, title: this.title || this.textContent.trim(), part: "frame" });
    const hello = () => frame.contentWindow.postMessage({ type: "relay:hello", version: 1 }, home);
    const heard = ({ source, origin, data }) => {
      if (source !== frame.contentWindow || origin !== home || data?.version !== 1) return;
      if (data.type === "relay:height" && data.height > 0) {
        frame.style.blockSize = `${Math.min(Math.max(data.height, 120), 20000)}px`;
        this.#root.querySelector("slot").hidden = true;
      } else if (data.type === "relay:focus-top") frame.scrollIntoView();
      else if (data.type === "relay:submitted") {
        frame.scrollIntoView();
        this.#submitted();
      }
    };
    frame.addEventListener("load", hello);
    addEventListener("message", heard, { signal: this.#left.signal });
    this.#root.append(frame);
  }

  #submitted() {
    this.dispatchEvent(new CustomEvent("relay:submitted", { bubbles: true }));
  }

  // --- In the page itself ---

  async #open(url) {
    const page = await load(url);
    const body = make("div", { lang: page.documentElement.lang, dir: page.documentElement.dir });
    // The document knows its own address: what it names by a path is made complete before it moves.
    for (const link of page.querySelectorAll("[href]:not([href^='#'])")) link.setAttribute("href", link.href);
    for (const form of page.querySelectorAll("form")) form.setAttribute("action", new URL(form.getAttribute("action"), page.URL));
    for (const title of page.querySelectorAll("h1, h2")) title.setAttribute("aria-level", +title.tagName[1] + 1);
    for (const code of page.querySelectorAll("script, style, link")) code.remove();
    this.#words = page.querySelector("[data-offline]")?.dataset ?? {};
    body.append(...page.querySelector("main").childNodes, ...page.querySelectorAll("footer"));
    body.addEventListener("click", (event) => this.#click(event));
    body.addEventListener("submit", (event) => this.#submit(event));
    this.#root.replaceChildren(body);
    this.#name();
  }

  #name() {
    for (const [selector, name] of Object.entries(parts))
      for (const element of this.#root.querySelectorAll(selector)) element.part = name;
  }

  #focus(selector) {
    const place = this.#root.querySelector(selector);
    place.tabIndex = -1;
    place.focus();
    place.scrollIntoView();
  }

  #click(event) {
    const link = event.target.closest("a[href]");
    const address = link?.getAttribute("href") ?? "";
    const field = address.startsWith("#") && this.#root.getElementById(address.slice(1));
    if (field) field.focus();
    else if (!link?.target && address.startsWith(`${home}/f/`))
      this.#open(address).then(() => this.#focus("h1"), () => location.assign(address));
    else return;
    event.preventDefault();
  }

  async #submit(event) {
    event.preventDefault();
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button");
    if (this.#busy) return;
    this.#busy = true;
    button.setAttribute("aria-disabled", "true");
    let answer;
    try {
      const body = new FormData(form);
      const headers = { Accept: "application/json" };
      const response = await fetch(form.getAttribute("action"), { method: "POST", body, headers, credentials: "omit" });
      answer = await response.json();
    } catch {
      answer = { error: this.#words.offline };
    }
    this.#busy = false;
    button.removeAttribute("aria-disabled");
    if (answer.ok) await this.#sent(answer);
    else this.#refused(form, answer);
  }

  async #sent({ next, message, reference }) {
    // It has arrived; should the page that says so not come through, the answer itself says it.
    await this.#open(new URL(`${next}?embed`)).catch(() =>
      this.#root.replaceChildren(make("h1", { ariaLevel: 2, textContent: message }), make("p", { className: "reference" }, reference)),
    );
    this.#focus("h1");
    this.#submitted();
  }

  // Nothing that was typed or chosen is touched.
  #refused(form, { error, errors = [], token }) {
    for (const old of this.#root.querySelectorAll(".trouble, .error")) old.remove();
    for (const old of form.querySelectorAll(".mend")) old.classList.remove("mend");
    for (const old of form.querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
    if (token) form.querySelector("[name=_token]").value = token;
    const list = errors.map(({ field, message }) => make("li", {}, this.#mark(field, message) ? make("a", { href: `#f-${field}` }, message) : message));
    const alert = make("div", { role: "alert" }, make("h2", { ariaLevel: 3 }, error), ...(list.length ? [make("ul", {}, ...list)] : []));
    form.parentNode.prepend(make("div", { className: "trouble" }, alert));
    this.#name();
    this.#focus(".trouble");
  }

  #mark(field, message) {
    const control = this.#root.getElementById(`f-${field}`);
    const box = control?.closest(".field");
    if (!box) return false;
    const id = `f-${field}-error`;
    const words = make("p", { id, className: "error" }, make("span", { className: "unseen" }, `${this.#words.error} `), message);
    const before = this.#root.getElementById(`f-${field}-hint`) ?? box.querySelector(":scope > label, legend");
    if (before) before.after(words);
    else box.prepend(words);
    box.classList.add("mend");
    control.setAttribute("aria-invalid", "true");
    const described = control.closest("fieldset") ?? control;
    const ids = (described.getAttribute("aria-describedby") ?? "").split(" ");
    described.setAttribute("aria-describedby", [...new Set([...ids, id])].join(" ").trim());
    return true;
  }
}

customElements.get("relay-form") ?? customElements.define("relay-form", RelayForm);
