/** A place where a hub runs, as bench/torture/site.mjs has it. */
export interface Site {
  dataDir: string;
  runs(): boolean;
}

interface SiteModule {
  withSite: (options: object, work: (site: Site) => Promise<void>) => Promise<void>;
}

let site: Promise<Site> | undefined;
let ended: Promise<void> | undefined;
let release = (): void => undefined;

/** One hub for all faults that need none of their own. */
export function sharedSite(): Promise<Site> {
  site ??= new Promise((resolve, reject) => {
    const held = new Promise<void>((done) => (release = done));
    ended = runHub((running) => {
      resolve(running);
      return held;
    });
    ended.catch(reject);
  });
  return site;
}

async function runHub(work: (site: Site) => Promise<void>): Promise<void> {
  const file = '../../bench/torture/site.mjs';
  const { withSite } = (await import(file)) as SiteModule;
  await withSite({}, work);
}

after('the shared hub is stopped', async function () {
  this.timeout(20_000);
  release();
  await ended;
});
