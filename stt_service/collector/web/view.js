// What is shown: touches the document, knows neither server nor sound.

const $ = (id) => document.getElementById(id);
let machine = ""; // what the machine heard, as it was put into the text

export function showStatus(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

export function showFault(text) {
  $("fault").textContent = text;
}

export function showOutside() {
  for (const id of ["clip", "none", "progress", "more"]) $(id).hidden = true;
  $("join").hidden = false;
  showStatus("Not joined");
  $("code").focus();
}

export function showInside() {
  $("code").value = "";
  $("join").hidden = true;
  for (const id of ["progress", "more"]) $(id).hidden = false;
}

export function showNone() {
  $("clip").hidden = true;
  $("none").hidden = false;
  showStatus("Nothing to do");
  $("again").focus();
}

export function showText({ text, seconds }) {
  machine = text;
  $("text").value = text;
  $("length").textContent = `${seconds.toFixed(1)} seconds`;
  $("none").hidden = true;
  $("clip").hidden = false;
}

export function showClip({ clip, before, busy, heard, playing }) {
  const ready = clip !== null && !busy && heard;
  const text = $("text").value;
  const words = text.trim() !== "";
  $("play").disabled = clip === null;
  write("play-text", playing ? "Pause" : "Play");
  $("send").disabled = !ready || !words;
  write("send-text", text === machine ? "It is right" : "Send my text");
  $("skip").disabled = !ready;
  $("report").disabled = !ready;
  $("undo").disabled = busy || before === null;
  const wait = heard ? (words ? "" : "Nobody speaks? Report it.") : "Hear it to the end first.";
  write("wait", wait);
}

function write(id, text) {
  // A screen reader speaks what is set, also when it is the same.
  if ($(id).textContent !== text) $(id).textContent = text;
}

export function showReasons(wanted) {
  $("reasons").hidden = !wanted;
  $("report").setAttribute("aria-expanded", String(wanted));
  if (wanted) $("reasons").querySelector("button").focus();
  else if (!$("clip").hidden) $("play").focus({ preventScroll: true });
}

export function reasonOf(digit) {
  return [...$("reasons").querySelectorAll("[data-reason]")][Number(digit) - 1]?.dataset.reason;
}

export function editText() {
  $("text").focus();
  $("text").setSelectionRange($("text").value.length, $("text").value.length);
}

export function changeSpeed(by) {
  const list = $("speed");
  list.selectedIndex = Math.min(list.options.length - 1, Math.max(0, list.selectedIndex + by));
  list.dispatchEvent(new Event("change"));
  showStatus(`Speed ${list.value} ×`);
}

let mine = { today: 0, tagged: 0 };
let community = [];

export function showMine(today, tagged) {
  mine = { ...mine, today, tagged };
  showFigures();
}

export function showProgress({ you, all }) {
  mine = you;
  const hours = all.valid_seconds / 3600;
  community = [
    ["Agreed by all", hours >= 1 ? `${hours.toFixed(1)} h` : `${(hours * 60).toFixed(1)} min`],
    ["Clips agreed", String(all.valid)],
    ["Clips waiting", String(all.open)],
    ["People tagging", String(all.taggers)],
  ];
  showFigures();
}

function showFigures() {
  const goal = $("goal");
  goal.value = Math.min(mine.today, goal.max);
  write("goal-text", `Today: ${mine.today} of ${goal.max}`);
  const share = mine.settled ? `${Math.round((100 * mine.agreed) / mine.settled)} %` : "–";
  const rows = [["You, in all", String(mine.tagged)], ["Others agreed with you", share], ...community];
  $("figures").replaceChildren(
    ...rows.map(([name, value]) => {
      const group = document.createElement("div");
      for (const [tag, text] of [["dt", name], ["dd", value]]) {
        const element = document.createElement(tag);
        element.textContent = text;
        group.append(element);
      }
      return group;
    }),
  );
}
