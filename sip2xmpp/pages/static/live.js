/* Keeps a page up to date without loading it again.  The server says that something changed; the same page is fetched, and every
   element with "data-live" and an "id" that reads otherwise is put in the place of the old one, unless somebody is in the
   middle of using it.  Such elements may stand in one another: then the inner ones are compared by themselves.  Without this
   script a page is complete as it is, and is loaded again by hand. */
"use strict";

(function () {
  const topics = (document.body.dataset.topics || "").split(/\s+/).filter(Boolean);
  const LIVE = "[data-live][id]";
  const SOON = 200;
  const NEXT_TRY = 2000;
  const ASK_EVERY = 20000;

  /* Times are shown in the zone that the visitor is in. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const known = document.cookie.split("; ").find((each) => each.startsWith("zone="));
  const zoneIsNew = /^[A-Za-z0-9_+\/-]{1,64}$/.test(zone) && known !== "zone=" + zone;
  if (zoneIsNew) {
    document.cookie = "zone=" + zone + "; Path=/; SameSite=Strict; Max-Age=31536000";
  }

  /* Where one is, is to be seen in a row of pages that is wider than the screen. */
  for (const here of document.querySelectorAll("nav [aria-current]")) {
    const row = here.closest("nav");
    row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - here.offsetWidth) / 2;
  }

  /* What was done, or what is wrong, is where whoever sent a form goes on. */
  const answered = document.querySelector("main [aria-invalid=true], main .told");
  if (answered !== null && document.querySelector("main [autofocus]") === null) {
    if (answered.matches(".told")) {
      answered.tabIndex = -1;
    }
    answered.focus();
  }

  /* Whoever presses a button twice means it once. */
  const TWICE = 2000;
  const sent = new WeakSet();
  document.addEventListener("submit", (event) => {
    if (sent.has(event.target)) {
      event.preventDefault();
      return;
    }
    sent.add(event.target);
    setTimeout(() => sent.delete(event.target), TWICE);
  });

  /* What somebody is filling in, or has filled in, must not be lost. */
  function isInUse(element) {
    const active = document.activeElement;
    if (active !== null && element.contains(active) && active.matches("input, textarea, select, summary")) {
      return true;
    }
    return Array.from(element.querySelectorAll("input, textarea, select")).some((field) => {
      if (field.type === "checkbox" || field.type === "radio") {
        return field.checked !== field.defaultChecked;
      }
      if (field.tagName === "SELECT") {
        const usual = Array.from(field.options).some((option) => option.defaultSelected);
        return Array.from(field.options).some((option, index) =>
          option.selected !== (usual ? option.defaultSelected : index === 0));
      }
      return field.type !== "hidden" && field.value !== field.defaultValue;
    });
  }

  /* What the server says of an element; of those in it that are compared by themselves only that they are there. */
  function said(element) {
    const copy = element.cloneNode(true);
    for (const inner of copy.querySelectorAll(LIVE)) {
      const place = document.createElement("i");
      place.id = inner.id;
      inner.replaceWith(place);
    }
    return copy.outerHTML;
  }

  /* What the server said of each element, apart from what was done with it since. */
  const seen = new WeakMap();

  function remember(element) {
    seen.set(element, said(element));
    element.querySelectorAll(LIVE).forEach((inner) => seen.set(inner, said(inner)));
  }

  document.querySelectorAll(LIVE).forEach((element) => seen.set(element, said(element)));

  function openDetails(element) {
    return Array.from(element.querySelectorAll("details[id][open]")).map((each) => each.id);
  }

  /* What has the place of the keyboard in the new element, if something in the old one had it. */
  function counterpart(active, element) {
    if (active.id) {
      return element.querySelector("#" + CSS.escape(active.id));
    }
    return Array.from(element.querySelectorAll(active.tagName)).find((each) =>
      each.getAttribute("href") === active.getAttribute("href") &&
      each.textContent === active.textContent &&
      each.getAttribute("aria-label") === active.getAttribute("aria-label")) || null;
  }

  let isPostponed = false;

  function exchange(fetched) {
    isPostponed = false;
    for (const old of document.querySelectorAll(LIVE)) {
      const found = old.isConnected ? fetched.getElementById(old.id) : null;
      if (found === null || said(found) === seen.get(old)) {
        continue;
      }
      const element = document.importNode(found, true);
      const active = old.contains(document.activeElement) ? document.activeElement : null;
      const next = active === null ? null : counterpart(active, element);
      if (isInUse(old) || (active !== null && next === null)) {
        isPostponed = true;
        continue;
      }
      for (const id of openDetails(old)) {
        const details = element.querySelector("#" + CSS.escape(id));
        if (details !== null) {
          details.open = true;
        }
      }
      remember(element);
      element.classList.add("is-new");
      old.replaceWith(element);
      if (next !== null) {
        next.focus({preventScroll: true});
      }
    }
  }

  /* Whoever leaves what was in use gets what came meanwhile. */
  document.addEventListener("focusout", () => {
    if (isPostponed) {
      setTimeout(() => { if (isPostponed) { refresh(); } }, SOON);
    }
  });

  let fetching = false;
  let again = false;

  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch(location.href, {
        headers: {"X-Live": "1"}, credentials: "same-origin", cache: "no-store",
      });
      const text = answer.ok ? await answer.text() : "";
      const fetched = new DOMParser().parseFromString(text, "text/html");
      if (answer.redirected || answer.status === 401 || answer.status === 404 || (answer.ok && user(fetched) !== user(document))) {
        leave();
      } else if (answer.ok) {
        renew(fetched);
        exchange(fetched);
        tell("");
      } else {
        setTimeout(refresh, ASK_EVERY);
      }
    } catch (error) {
      tell("lost");
    } finally {
      fetching = false;
    }
    if (again) {
      again = false;
      refresh();
    }
  }

  function user(page) {
    const link = page.querySelector(".me a");
    return link === null ? "" : link.textContent;
  }

  /* Whoever signed in again in another tab goes on with the forms of this one. */
  function renew(fetched) {
    const token = fetched.querySelector("input[name=csrf]");
    for (const field of document.querySelectorAll("input[name=csrf]")) {
      field.value = token === null ? field.value : token.value;
    }
  }

  /* The page is not there any more for who is signed in now; what somebody has begun to write is. */
  function leave() {
    if (isInUse(document.body)) {
      opened = 0;
      tell("over");
    } else {
      location.reload();
    }
  }

  /* What is wrong with the connection: "lost", "over", or nothing. */
  let trouble = "";

  function tell(what) {
    const place = document.querySelector(".live-lost");
    if (place !== null && trouble !== what) {
      document.body.classList.toggle("is-lost", what !== "");
      place.textContent = what === "" ? "" : place.dataset[what];
    }
    trouble = what;
  }

  let stream = null;
  let retry = null;
  let opened = 0;

  function listen() {
    retry = null;
    if (stream !== null || document.visibilityState === "hidden") {
      return;
    }
    const asked = topics.map((topic) => "topic=" + encodeURIComponent(topic)).join("&");
    stream = new EventSource("/live?" + asked);
    stream.addEventListener("open", () => {
      document.documentElement.dataset.live = "on";
      opened += 1;
      if (opened > 1 || trouble !== "") {
        refresh();
      }
    });
    stream.addEventListener("changed", refresh);
    stream.addEventListener("error", () => {
      document.documentElement.dataset.live = "off";
      if (stream !== null && stream.readyState === EventSource.CLOSED) {
        stream.close();
        stream = null;
        retry = setTimeout(() => { refresh(); listen(); }, opened > 0 ? NEXT_TRY : ASK_EVERY);
      } else {
        tell("lost");
      }
    });
  }

  function rest() {
    if (stream !== null) {
      stream.close();
      stream = null;
    }
    if (retry !== null) {
      clearTimeout(retry);
      retry = null;
    }
  }

  if (topics.length > 0 && typeof EventSource === "function") {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        rest();
      } else {
        listen();
      }
    });
    window.addEventListener("pagehide", rest);
    window.addEventListener("pageshow", listen);
    listen();
  }
  if (zoneIsNew && document.querySelector("[data-live]") !== null) {
    refresh();
  }
})();
