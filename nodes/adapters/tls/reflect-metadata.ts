/**
 * The little of the `Reflect` metadata API that `@peculiar/x509` needs to be loaded: its injector asks for the parameters
 * of classes that have none. A real polyfill that is there already stays.
 */
interface MetadataApi {
  getMetadata(key: unknown, target: object): unknown;
  getOwnMetadata(key: unknown, target: object): unknown;
  defineMetadata(key: unknown, value: unknown, target: object): void;
}

const api = Reflect as unknown as Partial<MetadataApi>;
if (!api.getMetadata) {
  const kept = new WeakMap<object, Map<unknown, unknown>>();
  const get = (key: unknown, target: object): unknown => kept.get(target)?.get(key);
  Object.assign(api, {
    getMetadata: get,
    getOwnMetadata: get,
    defineMetadata(key, value, target) {
      kept.set(target, (kept.get(target) ?? new Map<unknown, unknown>()).set(key, value));
    },
  } satisfies MetadataApi);
}
