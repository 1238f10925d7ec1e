import { cleanDocument, isObject, jsonSize, type JsonObject } from '../document.ts';
import { refusal } from './problems.ts';

const largest = 64 * 1_024;

/**
 * A document from outside as an object with clean strings, not nested deeper than 32 levels and
 * not larger than 64 KiB. Throws RpcError -32004.
 */
export function boundedDocument(value: unknown, subject: string): JsonObject {
  if (!isObject(value)) throw refusal(subject, [{ field: '', problem: 'must be an object' }]);
  // The copy comes first: it stops at a depth that would overflow the stack further on.
  const document = cleanDocument(value);
  const bytes = jsonSize(value);
  if (bytes > largest) {
    const problem = `has ${bytes} bytes; at most ${largest} are taken`;
    throw refusal(subject, [{ field: '', problem }]);
  }
  return document;
}
