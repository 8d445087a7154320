// Keeps the page current without a reload: fetches the page and replaces the parts that changed.
"use strict";
{
  const periodMilliseconds = 1000 * Number(document.currentScript.dataset.seconds);
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const parts = document.querySelectorAll("[data-part]");
  const shown = new Map([...parts].map((part) => [part, part.innerHTML]));

  function selected(part) {
    const selection = document.getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  }

  // Replaces a part and restores its state: opened details, focus, scroll position. A selected part is kept as it is.
  function replace(part, next) {
    const html = next.innerHTML;
    const held = html !== shown.get(part) && selected(part);
    part.classList.toggle("held", held);
    if (html === shown.get(part) || held) return;
    for (const each of part.querySelectorAll("details[open]")) {
      const same = next.querySelector("#" + each.id);
      if (same) same.open = true;
    }
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...part.querySelectorAll("[tabindex]")].map((each) => [each.id, each.scrollLeft, each.scrollTop]);
    part.replaceChildren(...next.childNodes);
    shown.set(part, html);
    for (const [id, left, top] of scrolled) document.getElementById(id)?.scrollTo(left, top);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  // Whether the monitor was upgraded: parts may differ, and this page's policy does not allow the new style.
  function upgraded(next) {
    const differs = (name) => next.querySelector(name)?.textContent !== document.querySelector(name).textContent;
    return differs("style") || differs("body > script");
  }

  let underWay = false;
  async function refresh() {
    if (underWay) return;
    underWay = true;
    try {
      const answer = await fetch(location.pathname, {
        cache: "no-store", signal: AbortSignal.timeout(periodMilliseconds),
      });
      if (!answer.ok) throw new Error(answer.statusText);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (upgraded(next)) return location.reload();
      for (const part of parts) replace(part, next.getElementById(part.id));
      document.title = next.title;
      const icon = "link[rel=icon]";
      document.querySelector(icon).href = next.querySelector(icon).href;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    } finally {
      underWay = false;
    }
  }

  async function again() {
    if (live.checked && !document.hidden) await refresh();
    setTimeout(again, periodMilliseconds);
  }

  live.closest("[hidden]").hidden = false;
  document.addEventListener("visibilitychange", () => { if (live.checked && !document.hidden) refresh(); });
  setTimeout(again, periodMilliseconds);
}
