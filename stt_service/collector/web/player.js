// One clip: its sound, its waveform, how much of it was heard. Knows no server.

const PEAKS = 240; // bars of the waveform
const WHOLE = 0.97; // share that has to be heard; the last bit is often cut by the decoder

export class Player {
  #audio;
  #canvas;
  #seek;
  #changed;
  #peaks = [];
  #url = "";
  #seconds = 0;
  #whole = false;

  // `changed` is called when playing begins or ends, and when all was heard.
  constructor(audio, canvas, seek, changed) {
    this.#audio = audio;
    this.#canvas = canvas;
    this.#seek = seek;
    this.#changed = changed;
    for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => this.#look());
    audio.addEventListener("timeupdate", () => this.#look());
    seek.addEventListener("input", () => {
      audio.currentTime = (seek.value / 1000) * this.#seconds;
    });
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  get playing() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  get heard() {
    return this.#whole;
  }

  // Takes the bytes of a FLAC file; `seconds` is what the server says of its length.
  async load(bytes, seconds, heard = false) {
    this.#audio.pause();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(new Blob([bytes], { type: "audio/flac" }));
    this.#whole = heard;
    this.#seconds = seconds;
    this.#peaks = [];
    this.#seek.value = 0;
    this.#draw();
    const ready = new Promise((resolve, reject) => {
      this.#audio.addEventListener("loadedmetadata", resolve, { once: true });
      this.#audio.addEventListener("error", () => reject(new Error("This browser cannot play FLAC.")), { once: true });
    });
    this.#audio.src = this.#url;
    await ready;
    if (Number.isFinite(this.#audio.duration)) this.#seconds = this.#audio.duration;
    await this.#measure(bytes);
  }

  async play() {
    if (this.#audio.ended) this.#audio.currentTime = 0;
    try {
      await this.#audio.play();
    } catch (error) {
      // Browsers do not let a page play before anything was pressed; whoever presses is served.
      if (error.name !== "NotAllowedError" && error.name !== "AbortError") throw error;
    }
  }

  toggle() {
    if (this.playing) this.#audio.pause();
    else this.play();
  }

  set speed(times) {
    this.#audio.defaultPlaybackRate = times;
    this.#audio.playbackRate = times;
  }

  #look() {
    const { played, currentTime } = this.#audio;
    let sum = 0;
    for (let at = 0; at < played.length; at += 1) sum += played.end(at) - played.start(at);
    if (this.#seconds && sum >= WHOLE * this.#seconds) this.#whole = true;
    this.#seek.value = this.#seconds ? (1000 * currentTime) / this.#seconds : 0;
    this.#seek.setAttribute("aria-valuetext", `${currentTime.toFixed(1)} of ${this.#seconds.toFixed(1)} seconds`);
    this.#draw();
    this.#changed();
  }

  async #measure(bytes) {
    let samples;
    try {
      const decoder = new OfflineAudioContext(1, 1, 16000);
      samples = (await decoder.decodeAudioData(bytes.slice(0))).getChannelData(0);
    } catch {
      return; // no waveform is no reason not to listen
    }
    const step = Math.max(1, Math.floor(samples.length / PEAKS));
    const peaks = [];
    for (let at = 0; at < samples.length; at += step) {
      let peak = 0;
      for (let one = at; one < Math.min(at + step, samples.length); one += 1) peak = Math.max(peak, Math.abs(samples[one]));
      peaks.push(peak);
    }
    const loudest = Math.max(...peaks, 0.01);
    this.#peaks = peaks.map((peak) => peak / loudest);
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    if (!width || !height) return;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).color;
    const done = this.#seconds ? this.#audio.currentTime / this.#seconds : 0;
    const step = width / Math.max(1, this.#peaks.length);
    this.#peaks.forEach((peak, at) => {
      const tall = Math.max(2 * scale, peak * height * 0.9);
      pen.globalAlpha = at / this.#peaks.length < done ? 1 : 0.4;
      pen.fillRect(at * step, (height - tall) / 2, Math.max(1, step * 0.65), tall);
    });
  }
}
