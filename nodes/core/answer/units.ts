/** What people call units, by UCUM code (case sensitive, https://ucum.org). */
const names: Readonly<Record<string, string>> = {
  Cel: 'celsius °c c degc deg_c degree_celsius degrees_celsius ℃',
  '[degF]': 'fahrenheit °f degf deg_f degree_fahrenheit',
  K: 'kelvin k',
  '%': 'percent % percentage pct %rh rh',
  Pa: 'pascal pa',
  hPa: 'hectopascal hpa',
  kPa: 'kilopascal kpa',
  mbar: 'millibar mbar',
  bar: 'bar',
  lx: 'lux lx',
  V: 'volt v volts',
  mV: 'millivolt mv',
  A: 'ampere a amp amps',
  mA: 'milliampere ma',
  W: 'watt w watts',
  kW: 'kilowatt kw',
  'V.A': 'volt_ampere voltampere va',
  'W.h': 'watt_hour wh watt_hours',
  'kW.h': 'kilowatt_hour kwh kilowatt_hours',
  J: 'joule j',
  C: 'coulomb',
  Ohm: 'ohm ω ohms',
  kOhm: 'kiloohm kω',
  Hz: 'hertz hz',
  '[ppm]': 'ppm parts_per_million',
  '[ppb]': 'ppb parts_per_billion',
  'ug/m3': 'microgram_per_cubic_meter µg/m³ µg/m3 ug/m3 ug/m³ μg/m³',
  'mg/m3': 'milligram_per_cubic_meter mg/m³ mg/m3',
  g: 'gram g',
  kg: 'kilogram kg',
  um: 'micrometer µm um',
  mm: 'millimeter mm',
  cm: 'centimeter cm',
  m: 'meter m metre',
  km: 'kilometer km',
  L: 'liter l litre',
  m3: 'cubic_meter m³ m3',
  'L/min': 'liter_per_minute l/min',
  'm3/h': 'cubic_meter_per_hour m³/h m3/h',
  'm/s': 'meter_per_second m/s',
  'km/h': 'kilometer_per_hour km/h',
  'm/s2': 'meter_per_second_squared m/s² m/s2 m/s^2',
  deg: 'degree ° deg degrees',
  'deg/s': 'degree_per_second °/s deg/s dps',
  rad: 'radian rad',
  uT: 'microtesla µt ut',
  '{count}': 'count counts',
  '{index}': 'index',
  '/min': 'beats_per_minute bpm rpm',
  s: 'second s sec seconds',
  ms: 'millisecond ms',
  min: 'minute min minutes',
  h: 'hour h hours',
  d: 'day d days',
  dB: 'decibel db',
  'dB[mW]': 'dbm',
  'W/m2': 'watt_per_square_meter w/m² w/m2',
  '[pH]': 'ph',
  'uS/cm': 'microsiemens_per_centimeter µs/cm us/cm',
  By: 'byte bytes',
};

/** What a person reads for a code, where that is something else. */
const symbols: Readonly<Record<string, string>> = {
  Cel: '°C',
  '[degF]': '°F',
  '[ppm]': 'ppm',
  '[ppb]': 'ppb',
  'W.h': 'Wh',
  'kW.h': 'kWh',
  Ohm: 'Ω',
  kOhm: 'kΩ',
  'ug/m3': 'µg/m³',
  'mg/m3': 'mg/m³',
  um: 'µm',
  m3: 'm³',
  'm3/h': 'm³/h',
  'm/s2': 'm/s²',
  deg: '°',
  'deg/s': '°/s',
  uT: 'µT',
  '{count}': '',
  '{index}': '',
  '/min': 'per minute',
  'dB[mW]': 'dBm',
  'W/m2': 'W/m²',
  '[pH]': 'pH',
  'uS/cm': 'µS/cm',
  By: 'bytes',
};

const codes = new Map(
  Object.entries(names).flatMap(([code, words]) =>
    words.split(' ').map((word) => [word, code] as const),
  ),
);

/** The UCUM code of a unit by any of its usual names, in upper or lower case; undefined for one that is not known. */
export function unitCode(unit: string | undefined): string | undefined {
  if (unit === undefined || unit.length > 64) return undefined;
  return codes.get(unit.trim().toLowerCase().replace(/\s+/g, '_'));
}

/** A known unit as people write it, for a sentence of the hub's own; an unknown one is left out. */
export function unitSymbol(unit: string | undefined): string {
  const code = unitCode(unit);
  if (code === undefined) return '';
  const symbol = symbols[code] ?? code;
  return symbol === '' || symbol === '%' || symbol === '°' ? symbol : ` ${symbol}`;
}
