// <relay-form form="NAME" tenant="PRACTICE" lang="de" mode="inline">: a form of the relay in a page of your own.
//
// No cookie, nothing stored, nobody asked but the relay it came from. The link inside is shown until the form is
// there, and for good where it cannot be. Without mode="inline" the form is in a frame, where no script of your page
// can read what is written.
//
// An inline form takes fonts and colours from your page. To change them, set the properties --relay-... below on the
// element, or style its parts: relay-form::part(field). It fires "relay:submitted" when something was received.

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
:host { display: block; line-height: 1.5; overflow-wrap: anywhere;
  --error: var(--relay-error, color-mix(in srgb, #d00 60%, currentColor)) }
:host([hidden]), [hidden] { display: none !important }
*, ::before { box-sizing: border-box }
iframe { display: block; inline-size: 100%; block-size: 900px; border: 0 }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
h1, h2, p, ol, ul { margin-block: 0 .75em }
h1 { font-size: 1.5em; line-height: 1.25 }
h2 { font-size: 1.2em; line-height: 1.3 }
p + h2, ol + h2 { margin-block-start: 1.5em }
a { color: inherit }
.sealed { display: flex; gap: .6em }
.lock { flex: none; margin-block-start: .15em }
.aside, .trouble { border-inline-start: 4px solid; padding: .75em 1em; margin-block: 1.25em 1.75em }
.aside > :last-child, .trouble :last-child { margin-block-end: 0 }
.phone { display: inline-block; font-weight: 600 }
.field { border: 0; margin: 0 0 var(--relay-gap, 1.75em); padding: 0; min-inline-size: 0 }
.mend { border-inline-start: 4px solid; padding-inline-start: 1em }
.trouble, .mend { border-color: var(--error) }
label, legend { display: block; padding: 0; font-weight: 600; margin-block-end: .25em }
.optional { font-weight: 400 }
.hint, footer { font-size: .9em }
.hint, .error { margin-block-end: .4em }
.error, .trouble li { font-weight: 600; color: var(--error) }
.trouble ul { list-style: none; padding: 0 }
.trouble li a { display: inline-block; padding-block: .4em }
input, select, textarea, button, ::file-selector-button { font: inherit; color: inherit; letter-spacing: inherit; max-inline-size: 100% }
input, select, textarea { background: transparent; border: 1px solid var(--relay-border, currentColor);
  border-radius: var(--relay-radius, .4em); padding: .6em .75em; min-block-size: 2.75rem; inline-size: 24em }
option { color: CanvasText; background: Canvas }
textarea, [type=file] { inline-size: 100% }
textarea { resize: vertical }
::file-selector-button { background: transparent; border: 1px solid; border-radius: var(--relay-radius, .4em); margin-inline-end: .75em }
.choice { display: flex; gap: .75em; align-items: center; min-block-size: 2.75rem }
.choice label { margin: 0; font-weight: 400; flex: 1 }
.choice input { inline-size: 1.5em; block-size: 1.5em; min-block-size: 0; margin: 0; flex: none;
  accent-color: var(--relay-accent, #0d5c63) }
button { background: var(--relay-accent, #0d5c63); color: var(--relay-on-accent, #fff); border: 2px solid transparent;
  border-radius: var(--relay-radius, .4em); padding: .7em 1.5em; min-block-size: 2.75rem; font-weight: 600; cursor: pointer }
[aria-disabled=true] { opacity: .6; cursor: progress }
:focus-visible { outline: 3px solid; outline-offset: 2px }
.exit, .second { display: inline-block; border: 1px solid; border-radius: var(--relay-radius, .4em); padding: .6em 1.2em }
.reference { font-size: 1.6em; letter-spacing: .06em }
.leave { position: sticky; inset-block-start: .5em; z-index: 1; text-align: end; margin-block-end: .75em }
h1, .trouble, .field { scroll-margin-block-start: 4.5em }
.exit { background: Canvas; color: CanvasText }
.leaving { position: fixed; inset: 0; background: #fff; z-index: 2147483647 }
footer { margin-block-start: 1.5em }
footer a { display: inline-block; padding-block: .4em; margin-inline-end: 1em }
@media (max-width: 30em) { input:not(.choice *), select, button { inline-size: 100% } }
`);

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// Without innerHTML, which Trusted Types forbid. Nothing in the document runs.
const load = (url) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () => (request.response?.querySelector("main") ? resolve(request.response) : reject());
    request.onerror = reject;
    request.send();
  });

// Under pressure the relay asks for a little work, the number behind a hash; the page stays free meanwhile.
const work = async ({ algorithm, challenge, maxnumber, salt, signature }) => {
  const hash = async (number) => {
    const digest = await crypto.subtle.digest(algorithm, new TextEncoder().encode(salt + number));
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  for (let first = 0; first < maxnumber; first += 64) {
    const hashes = await Promise.all(Array.from({ length: 64 }, (_, more) => hash(first + more)));
    const found = hashes.indexOf(challenge);
    if (found >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: first + found, salt, signature }));
  }
};

const heard = ["message", "pagehide"];

class RelayForm extends HTMLElement {
  #root;
  #frame;
  #status;
  #busy;

  connectedCallback() {
    for (const type of heard) addEventListener(type, this);
    if (this.#root) return;
    this.#root = this.attachShadow({ mode: "open" });
    this.#root.adoptedStyleSheets = [style];
    this.#root.append(make("slot"));
    const path = ["f", this.getAttribute("tenant"), this.getAttribute("form")].filter(Boolean);
    const page = new URL(`${home}/${path.map(encodeURIComponent).join("/")}?embed`);
    if (this.lang) page.searchParams.set("_lang", this.lang);
    if (this.getAttribute("mode") === "inline") this.#open(page).catch(() => {});
    else this.#open_frame(page.href);
  }

  disconnectedCallback() {
    for (const type of heard) removeEventListener(type, this);
  }

  #received() {
    this.dispatchEvent(new CustomEvent("relay:submitted", { bubbles: true }));
  }

  #open_frame(src) {
    this.#frame = make("iframe", { src, title: this.title || this.textContent.trim() });
    this.#frame.addEventListener("load", () =>
      this.#frame.contentWindow.postMessage({ type: "relay:hello", version: 1 }, home),
    );
    this.#root.append(this.#frame);
  }

  handleEvent({ type, source, origin, data }) {
    // On a shared device going back must find nothing.
    if (type === "pagehide" && this.#root.querySelector("form[autocomplete]")) this.#root.replaceChildren(make("slot"));
    if (!source || source !== this.#frame?.contentWindow || origin !== home || data?.version !== 1) return;
    if (data.type === "relay:height" && data.height > 0) {
      this.#frame.style.blockSize = `${Math.min(Math.max(data.height, 120), 20000)}px`;
      this.#root.querySelector("slot").hidden = true;
    } else if (data.type === "relay:focus-top" || data.type === "relay:submitted") {
      this.#frame.scrollIntoView();
      if (data.type === "relay:submitted") this.#received();
    }
  }

  // Inline, all pages of a form are there at once.
  async #open(address) {
    const url = new URL(address);
    url.searchParams.set("whole", "");
    const page = await load(url);
    // Paths are made complete while the document knows its own address.
    for (const link of page.querySelectorAll("[href]:not([href^='#'])")) link.setAttribute("href", link.href);
    for (const form of page.forms) form.setAttribute("action", new URL(form.getAttribute("action"), page.URL));
    for (const title of page.querySelectorAll("h1, h2")) title.ariaLevel = +title.tagName[1] + 1;
    for (const code of page.querySelectorAll("script, style, link, .only-if")) code.remove();
    const { lang, dir } = page.documentElement;
    const around = (place) => page.querySelectorAll(place);
    const body = make("div", { lang, dir }, ...around(".leave"), ...page.querySelector("main").childNodes, ...around("footer"));
    body.addEventListener("click", (event) => this.#click(event));
    body.addEventListener("submit", (event) => this.#submit(event));
    body.addEventListener("change", () => this.#hide(body));
    this.#hide(body);
    this.#root.replaceChildren(body);
    this.#status = body.querySelector("[data-offline]");
    this.#name();
  }

  // What is not asked: one of the selectors in its data-if finds nothing chosen.
  #hide(body) {
    for (const box of body.querySelectorAll("[data-if]"))
      box.hidden = box.dataset.if.split("\n").some((selector) => !body.querySelector(selector));
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
    else if (link?.matches(".exit")) {
      this.#root.append(make("div", { className: "leaving" }));
      location.replace(address);
    } else if (address.startsWith(`${home}/f/`) && !link.matches("[download]"))
      this.#open(address).then(
        () => this.#focus("h1"),
        () => location.assign(address),
      );
    else return;
    event.preventDefault();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#busy) return;
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button");
    this.#busy = true;
    button.ariaDisabled = "true";
    this.#status.textContent = this.#status.dataset.sending;
    const send = async (proof) => {
      const body = new FormData(form);
      if (proof) body.set("_pow", proof);
      const headers = { Accept: "application/json" };
      const response = await fetch(form.getAttribute("action"), { method: "POST", body, headers, credentials: "omit" });
      return response.json();
    };
    let answer;
    try {
      answer = await send();
      if (answer.challenge) answer = await send(await work(answer.challenge));
    } catch {
      answer = { error: this.#status.dataset.offline };
    }
    this.#busy = false;
    button.ariaDisabled = null;
    this.#status.textContent = "";
    if (answer.ok) await this.#sent(answer);
    else this.#refused(form, answer);
  }

  async #sent({ next, message, reference }) {
    // It has arrived: where the page that says so does not come through, the answer does.
    await this.#open(`${next}?embed`).catch(() =>
      this.#root.replaceChildren(make("h1", { ariaLevel: 2 }, message), make("p", { className: "reference" }, reference)),
    );
    this.#focus("h1");
    this.#received();
  }

  // Nothing that was typed or chosen is touched.
  #refused(form, { error, errors = [], token }) {
    for (const old of this.#root.querySelectorAll(".trouble, .error")) old.remove();
    for (const old of form.querySelectorAll(".mend")) old.classList.remove("mend");
    for (const old of form.querySelectorAll("[aria-invalid]")) old.ariaInvalid = null;
    form.querySelector("[name=_gotcha]").value = "";
    if (token) form.querySelector("[name=_token]").value = token;
    const mends = errors.filter(({ field }) => field);
    const list = mends.map(({ field, message }) =>
      make("li", {}, this.#mend(field, message) ? make("a", { href: `#f-${field}` }, message) : message),
    );
    const alert = make("div", { role: "alert" }, make("h2", {}, error), make("ul", { hidden: !list.length }, ...list));
    this.#root.firstChild.prepend(make("div", { className: "trouble" }, alert));
    this.#name();
    this.#focus(".trouble");
  }

  #mend(field, message) {
    const control = this.#root.getElementById(`f-${field}`);
    const box = control?.closest(".field");
    if (!box) return false;
    const id = `f-${field}-error`;
    const prefix = make("span", { className: "unseen" }, `${this.#status.dataset.error} `);
    const words = make("p", { id, className: "error" }, prefix, message);
    const before = this.#root.getElementById(`f-${field}-hint`) ?? box.querySelector(":scope > label, legend");
    before ? before.after(words) : box.prepend(words);
    box.classList.add("mend");
    control.ariaInvalid = "true";
    const described = control.closest("fieldset") ?? control;
    const ids = new Set((described.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    described.setAttribute("aria-describedby", [...ids.add(id)].join(" "));
    return true;
  }
}

if (!customElements.get("relay-form")) customElements.define("relay-form", RelayForm);
