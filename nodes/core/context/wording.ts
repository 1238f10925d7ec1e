import { cleanText } from '../text.ts';
import { quoted } from '../rpc/quoted.ts';

const steps: readonly [ms: number, unit: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** How long ago something was, such as `3 h ago`; what is of this second, or by a clock that is ahead, is `now`. */
export function agoText(ms: number): string {
  const [step, unit] = steps.find(([least]) => ms >= least) ?? [];
  return step === undefined ? 'now' : `${Math.floor(ms / step)} ${unit} ago`;
}

/** A unit as it is where it is one short word or sign, which can say nothing; any other is quoted. */
export function unitText(unit: string): string {
  const clean = cleanText(unit, 64);
  return /^[\p{L}\p{N}°%/_²³µ]{1,24}$/u.test(clean) ? clean : quoted(clean, 24);
}
