/* Keeps a page up to date without loading it again.  The server says that something changed; the same page is fetched, and every
   element with "data-live" and an "id" that reads otherwise is put in the place of the old one, unless somebody is in the
   middle of using it.  Without this script a page is complete as it is, and is loaded again by hand. */
"use strict";

(function () {
  const topics = (document.body.dataset.topics || "").split(/\s+/).filter(Boolean);
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

  /* What the server said of each element, apart from what was done with it since. */
  const seen = new WeakMap();
  for (const element of document.querySelectorAll("[data-live][id]")) {
    seen.set(element, element.outerHTML);
  }

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
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const found = fetched.getElementById(old.id);
      if (found === null || found.outerHTML === seen.get(old)) {
        continue;
      }
      const words = found.outerHTML;
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
      element.classList.add("is-new");
      old.replaceWith(element);
      seen.set(element, words);
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
      if (answer.redirected || answer.status === 401 || answer.status === 404) {
        location.reload();
        return;
      }
      if (answer.ok) {
        const text = await answer.text();
        exchange(new DOMParser().parseFromString(text, "text/html"));
        tell(false);
      }
    } catch (error) {
      tell(true);
    } finally {
      fetching = false;
    }
    if (again) {
      again = false;
      refresh();
    }
  }

  function tell(lost) {
    const place = document.querySelector(".live-lost");
    if (place !== null && document.body.classList.contains("is-lost") !== lost) {
      document.body.classList.toggle("is-lost", lost);
      place.textContent = lost ? place.dataset.lost : "";
    }
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
      if (opened > 1) {
        refresh();
      } else {
        tell(false);
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
        tell(true);
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
