// Sound of one utterance: decoded, drawn, played. Knows no connection.

const GAP = 1; // px between bars
const BAR = 3; // px

let context = null;
let source = null;

// Returns an AudioBuffer; rejects for what is no sound.
export async function decode(bytes) {
  context ??= new AudioContext();
  return context.decodeAudioData(bytes);
}

// Draws the loudest sample of each bar; what has been played is darker. `played` in 0..1.
export function draw(canvas, buffer, played = 0) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = getComputedStyle(canvas).color;
  if (!buffer) return;
  const samples = buffer.getChannelData(0);
  const bars = Math.max(1, Math.floor(width / (BAR + GAP)));
  const share = samples.length / bars;
  for (let bar = 0; bar < bars; bar += 1) {
    let peak = 0;
    const end = Math.min(samples.length, Math.ceil((bar + 1) * share));
    for (let at = Math.floor(bar * share); at < end; at += 1) peak = Math.max(peak, Math.abs(samples[at]));
    // The root makes quiet speech visible.
    const tall = Math.max(2, Math.sqrt(peak) * (height - 8));
    pen.globalAlpha = bar / bars < played ? 1 : 0.45;
    pen.fillRect(bar * (BAR + GAP), (height - tall) / 2, BAR, tall);
  }
}

export function stop() {
  source?.stop();
  source = null;
}

export const playing = () => source !== null;

// Plays from `from` in 0..1; `moved` is told how far it is, `ended` when it stops for any reason.
export async function play(buffer, from, moved, ended) {
  stop();
  await context.resume();
  const own = context.createBufferSource();
  source = own;
  own.buffer = buffer;
  own.connect(context.destination);
  const begin = context.currentTime - from * buffer.duration;
  own.onended = () => {
    if (source === own) source = null;
    ended();
  };
  own.start(0, from * buffer.duration);
  const step = () => {
    if (source !== own) return;
    moved(Math.min(1, (context.currentTime - begin) / buffer.duration));
    requestAnimationFrame(step);
  };
  step();
}
