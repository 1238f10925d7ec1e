// Where a figure comes from, and what a process used of it.
import { existsSync, readFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';

/** @returns {{ cpu: string, cores: number, memory_bytes: number, node: string, kernel: string }} */
export const machine = () => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memory_bytes: totalmem(),
  node: process.version,
  kernel: `${platform()} ${release()}`,
});

/** @param {ReturnType<typeof machine>} one */
export const describeMachine = ({ cpu, cores, memory_bytes: memory, node, kernel }) =>
  `${cores} × ${cpu}, ${(memory / 1e9).toFixed(1)} GB, Node ${node}, ${kernel}`;

/** Ticks of a second in /proc; the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** @param {string} file */
function cpuMsOf(file) {
  // The name in brackets may hold anything; behind it are the fields from the third on.
  const fields = readFileSync(file, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/**
 * What another process has used so far, as Linux tells it; elsewhere NaN.
 * @param {number} pid
 * @returns {{ cpuMs: number, mainCpuMs: number, mainWaitMs: number, rss: number, peakRss: number }} milliseconds of all
 *   its threads, of its main thread alone, and in which its main thread waited for a processor that others had; bytes
 */
export function usage(pid) {
  const nothing = { cpuMs: NaN, mainCpuMs: NaN, mainWaitMs: NaN, rss: NaN, peakRss: NaN };
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (/** @type {string} */ field) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
    return {
      cpuMs: cpuMsOf(`/proc/${pid}/stat`),
      mainCpuMs: cpuMsOf(`/proc/${pid}/task/${pid}/stat`),
      mainWaitMs: waitMsOf(`/proc/${pid}/task/${pid}/schedstat`),
      rss: bytes('VmRSS'),
      peakRss: bytes('VmHWM'),
    };
  } catch {
    return nothing;
  }
}

/** @param {string} file nanoseconds on a processor, and waiting for one */
function waitMsOf(file) {
  if (!existsSync(file)) return NaN;
  return Number(readFileSync(file, 'utf8').split(' ')[1]) / 1e6;
}

/**
 * Looks at a process every second.
 * @param {number} pid
 * @returns {{ stop(): UsageSeries }}
 *
 * @typedef {{ seconds: number[], cpu: number[], rss: number[] }} UsageSeries times since the begin, processor time of
 *   all threads as a share of one core, and resident bytes, of each second
 */
export function watchUsage(pid) {
  /** @type {UsageSeries} */
  const series = { seconds: [], cpu: [], rss: [] };
  const begin = performance.now();
  let last = { at: begin, ...usage(pid) };
  const timer = setInterval(() => {
    const now = { at: performance.now(), ...usage(pid) };
    series.seconds.push((now.at - begin) / 1000);
    series.cpu.push((now.cpuMs - last.cpuMs) / (now.at - last.at));
    series.rss.push(now.rss);
    last = now;
  }, 1000);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      return series;
    },
  };
}

/** How many files and sockets a process may have open; Node uses what the hard limit allows. */
export function openFileLimit() {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
