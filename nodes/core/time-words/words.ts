import type { CalendarUnit } from './calendar.ts';

/** What people call spans of time, folded to lower case without accents, in English, German, French and Spanish. */
type Table<T> = Readonly<Record<string, T>>;

export const unitNames: Table<CalendarUnit | 'second' | 'minute' | 'hour'> = {
  ...of('second', 's sec secs second seconds sekunde sekunden seconde secondes segundo segundos'),
  ...of('minute', 'm min mins minute minutes minuten minuto minutos'),
  ...of('hour', 'h hr hrs hour hours std stunde stunden heure heures hora horas'),
  ...of('day', 'd day days tag tage tagen jour jours dia dias'),
  ...of('week', 'w wk wks week weeks woche wochen semaine semaines semana semanas'),
  ...of('month', 'mo month months monat monate monaten mois mes meses'),
  ...of('year', 'y yr yrs year years jahr jahre jahren an ans annee annees ano anos'),
};

export const countNames: Table<number> = {
  ...of(1, 'a an one ein eine einen einem einer un une uno una'),
  ...of(2, 'two couple zwei deux dos'),
  ...of(3, 'three drei trois tres'),
  ...of(4, 'four vier quatre cuatro'),
  ...of(5, 'five funf cinq cinco'),
  ...of(6, 'six sechs seis'),
  ...of(7, 'seven sieben sept siete'),
  ...of(8, 'eight acht huit ocho'),
  ...of(9, 'nine neun neuf nueve'),
  ...of(10, 'ten zehn dix diez'),
  ...of(12, 'twelve zwolf douze doce'),
  ...of(24, 'twenty-four vierundzwanzig'),
};

/** Words for whole units of the calendar, and how many units after the one of now they mean. */
export const calendarNames: Table<readonly [CalendarUnit, number]> = {
  ...of(['day', 0], 'today|heute|aujourd hui|aujourdhui|hoy', '|'),
  ...of(['day', -1], 'yesterday|gestern|hier|ayer', '|'),
  ...of(
    ['day', -2],
    'day before yesterday|the day before yesterday|vorgestern|avant hier|avant-hier|anteayer|antes de ayer',
    '|',
  ),
  ...of(['week', 0], 'this week|diese woche|dieser woche|cette semaine|esta semana', '|'),
  ...of(
    ['week', -1],
    'last week|previous week|letzte woche|letzter woche|vorige woche|vergangene woche|la semaine derniere|semaine derniere|la semana pasada|semana pasada',
    '|',
  ),
  ...of(
    ['month', 0],
    'this month|diesen monat|dieser monat|diesem monat|ce mois|ce mois-ci|este mes',
    '|',
  ),
  ...of(
    ['month', -1],
    'last month|previous month|letzten monat|letzter monat|vorigen monat|vergangenen monat|le mois dernier|mois dernier|el mes pasado|mes pasado',
    '|',
  ),
  ...of(['year', 0], 'this year|dieses jahr|diesem jahr|cette annee|este ano', '|'),
  ...of(
    ['year', -1],
    'last year|previous year|letztes jahr|voriges jahr|vergangenes jahr|l annee derniere|annee derniere|l an dernier|el ano pasado|ano pasado',
    '|',
  ),
};

export const weekdayNames: Table<number> = {
  ...of(0, 'sunday sun sonntag dimanche domingo'),
  ...of(1, 'monday mon montag lundi lunes'),
  ...of(2, 'tuesday tue tues dienstag mardi martes'),
  ...of(3, 'wednesday wed mittwoch mercredi miercoles'),
  ...of(4, 'thursday thu thur thurs donnerstag jeudi jueves'),
  ...of(5, 'friday fri freitag vendredi viernes'),
  ...of(6, 'saturday sat samstag sonnabend samedi sabado'),
};

export const monthNames: Table<number> = {
  ...of(1, 'january jan januar janner janvier enero'),
  ...of(2, 'february feb februar fevrier febrero'),
  ...of(3, 'march mar marz mars marzo'),
  ...of(4, 'april apr avril abril'),
  ...of(5, 'may mai mayo'),
  ...of(6, 'june jun juni juin junio'),
  ...of(7, 'july jul juli juillet julio'),
  ...of(8, 'august aug aout agosto'),
  ...of(9, 'september sep sept septembre septiembre'),
  ...of(10, 'october oct oktober octobre octubre'),
  ...of(11, 'november nov novembre noviembre'),
  ...of(12, 'december dec dezember decembre diciembre'),
};

/** Parts of a day in hours by the local clock; beyond 24 they reach into the next one. */
export const dayParts: Table<readonly [number, number]> = {
  ...of([6, 12], 'morning vormittag morgen fruh matin manana'),
  ...of([12, 18], 'afternoon nachmittag apres-midi tarde'),
  ...of([18, 24], 'evening tonight abend soir'),
  ...of([18, 30], 'night nacht nuit noche'),
};

function of<T>(value: T, words: string, between = ' '): Record<string, T> {
  return Object.fromEntries(words.split(between).map((word) => [word, value]));
}
