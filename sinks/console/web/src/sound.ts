/** One quiet tone for new alerts, at most every ten seconds. */

const PAUSE = 10_000;
let last = 0;

export function ring(): void {
  if (Date.now() - last < PAUSE) return;
  last = Date.now();
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = 660;
  volume.gain.setValueAtTime(0.08, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.5);
  tone.onended = () => void audio.close();
}
