// The connection and what is known of the daemon; what is seen of it is in view.js.

import * as view from "./view.js";

const KINDS = "ready,speech_started,partial,final,rejected,wake,level,mute,fault,recovered";
const RETRY_MIN = 500; // ms before the first new attempt; doubled up to
const RETRY_MAX = 10000; // which a restarted board is soon found after
const HEALTH_EVERY = 5000; // ms
const PING_EVERY = 10000; // ms; no word for twice as long is a dead connection
const TOKEN_KEY = "stt-token";

const daemon = {
  connected: false, ready: false, muted: false, reasons: [], speaking: false,
  source: "", model: null, faults: [], may: [],
};
let socket = null;
let retry = RETRY_MIN;
let heard = 0;

const $ = (id) => document.getElementById(id);
const token = () => sessionStorage.getItem(TOKEN_KEY);

// A link may bring the token along behind a #, which browsers send to nobody.
function takeTokenOfLink() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!found) return;
  sessionStorage.setItem(TOKEN_KEY, found);
  history.replaceState(null, "", location.pathname);
}

function connect() {
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/transcripts?kinds=${KINDS}`;
  const protocols = ["stt-service.v1"];
  if (token()) protocols.push(`stt-token.${token()}`);
  let greeted = false;
  try {
    socket = new WebSocket(address, protocols);
  } catch {
    // A token with characters that no token has.
    askForToken("This is no token.");
    return;
  }
  socket.onmessage = (event) => {
    heard = Date.now();
    greeted = true;
    take(JSON.parse(event.data));
  };
  socket.onclose = async () => {
    socket = null;
    daemon.connected = false;
    daemon.speaking = false;
    view.showNoLevel();
    view.showSaving(false);
    show();
    if (!greeted && (await tokenIsWanted())) {
      askForToken(token() ? "This token is wrong." : "");
      return;
    }
    setTimeout(connect, retry * (0.75 + Math.random() / 2));
    retry = Math.min(RETRY_MAX, retry * 2);
  };
}

async function ask(path) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  return fetch(path, { headers, cache: "no-store" });
}

async function tokenIsWanted() {
  try {
    return (await ask("/v1/status")).status === 401;
  } catch {
    return false; // nobody answers: it is being restarted
  }
}

function askForToken(message) {
  view.showStatus("bad", "Token needed");
  view.showToken(true, message);
}

function send(command) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
}

const takers = {
  hello(message) {
    const { state } = message;
    Object.assign(daemon, {
      connected: true, ready: state.ready, muted: state.muted, reasons: state.mute_reasons,
      speaking: state.speaking, source: state.source, model: state.model, faults: [...state.faults],
      may: message.may,
    });
    retry = RETRY_MIN;
    view.showToken(false);
    showFigures();
  },
  ready({ ready, source, model }) {
    Object.assign(daemon, { ready, source, model });
  },
  speech_started() {
    daemon.speaking = true;
    view.showStart();
  },
  partial(message) {
    daemon.speaking = true;
    view.showPartial(message);
  },
  final(message) {
    daemon.speaking = false;
    view.showResult(message);
  },
  rejected(message) {
    daemon.speaking = false;
    view.showResult(message);
  },
  wake({ phrase }) {
    view.showHint(`“${phrase}” was heard`);
  },
  level: view.showLevel,
  mute({ muted, reasons }) {
    Object.assign(daemon, { muted, reasons });
    if (muted) view.showNoLevel();
  },
  fault(fault) {
    daemon.faults = [...daemon.faults.filter((one) => one.code !== fault.code), fault];
  },
  recovered({ code }) {
    daemon.faults = daemon.faults.filter((one) => one.code !== code);
  },
  error({ message, remedy }) {
    view.showAnswer(remedy ? `${message}. ${remedy}` : message);
  },
  done() {
    view.showAnswer("");
  },
};

function take(message) {
  takers[message.type]?.(message);
  if (message.type !== "level") show();
}

function show() {
  view.showButtons(daemon);
  view.showFaults(daemon.faults);
  if (!daemon.connected) view.showStatus("waiting", "Connecting…");
  else if (daemon.muted) view.showStatus("muted", "Muted");
  else if (!daemon.ready) view.showStatus("bad", "Not ready");
  else if (daemon.speaking) view.showStatus("speaking", "Hearing you");
  else view.showStatus("ready", "Listening");
  if (daemon.muted) view.showHint(`by ${daemon.reasons.join(", ")}`);
  else if (daemon.connected) view.showHint(daemon.source);
}

async function showFigures() {
  if (!daemon.connected) return;
  let status;
  try {
    const answer = await ask("/v1/status");
    if (!answer.ok) return;
    status = await answer.json();
  } catch {
    return; // the connection says it when it is gone
  }
  const counts = status.counts;
  const minutes = (counts.audio_seconds_total ?? 0) / 60;
  const busy = counts.audio_seconds_total ? counts.busy_seconds_total / counts.audio_seconds_total : 0;
  view.showSaving(counts.saving > 0);
  view.showHealth([
    ["Model", status.model ?? "none"],
    ["Source", status.source],
    ["Heard", minutes < 120 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`],
    ["Utterances", `${counts.finals_total ?? 0} + ${counts.rejected_total ?? 0} rejected`],
    ["Load while listening", `${(busy * 100).toFixed(1)} %`],
    ["Overflows", String(counts.overflows_total ?? 0)],
    ["Version", status.version],
  ]);
}

function toggleMute() {
  if ($("mute").disabled) return;
  send(daemon.muted ? { type: "unmute" } : { type: "mute", reason: "page" });
}

function talk() {
  if ($("talk").disabled) return;
  send({ type: "listen" });
  view.showHint("Speak now");
}

$("mute").addEventListener("click", toggleMute);
$("talk").addEventListener("click", talk);
$("clear").addEventListener("click", view.clearRecent);
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, $("token").value.trim());
  $("token").value = "";
  view.showToken(false);
  connect();
});
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  if (event.key.toLowerCase() === "m") toggleMute();
  if (event.key.toLowerCase() === "t") talk();
});
setInterval(showFigures, HEALTH_EVERY);
setInterval(() => {
  if (!daemon.connected) return;
  if (Date.now() - heard > 2 * PING_EVERY) socket?.close();
  else send({ type: "ping" });
}, PING_EVERY);

takeTokenOfLink();
connect();
