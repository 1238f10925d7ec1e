// How to run the hub with Node-RED: node-red --settings flows/settings.js
// Everything here can be set by the environment; the table is in README.md.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { httpsOptionsFrom } from '../dist/runtime/https-options.js';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const env = process.env;
const dataDir = resolve(env.LLM_IOT_DATA_DIR || 'hub-data');
const host = env.LLM_IOT_HOST || '127.0.0.1';
const flowFile = resolve(env.LLM_IOT_FLOW_FILE || join(dataDir, 'flows.json'));

env.LLM_IOT_DATA_DIR = dataDir;

const loopback = ['127.0.0.1', 'localhost', '::1'].includes(host);
if (!loopback && !env.LLM_IOT_EDITOR_PASSWORD) {
  console.error(
    `The hub does not start: LLM_IOT_HOST=${host} would open the Node-RED editor to the network without a password.\n` +
      'Set LLM_IOT_EDITOR_PASSWORD (the user is "admin"), or leave LLM_IOT_HOST at 127.0.0.1.',
  );
  process.exit(1);
}

// The running flow is a copy: deploying from the editor leaves the checkout clean.
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
if (!existsSync(flowFile)) {
  mkdirSync(dirname(flowFile), { recursive: true });
  copyFileSync(join(project, 'flows', 'hub.json'), flowFile);
}

// Node-RED finds the package as an installed one, with its examples, icons and locales.
const scope = join(dataDir, 'node_modules', '@llm-iot');
const link = join(scope, 'node-red-hub');
if (!lstatSync(link, { throwIfNoEntry: false })) {
  mkdirSync(scope, { recursive: true });
  symlinkSync(project, link, 'junction');
}

// Credentials of nodes are encrypted with a key of this installation.
const secretFile = join(dataDir, 'credential-secret');
if (!existsSync(secretFile))
  writeFileSync(secretFile, randomBytes(32).toString('hex'), { mode: 0o600 });

const sameText = (a, b) => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};
const admin = { username: 'admin', permissions: '*' };
const adminAuth = env.LLM_IOT_EDITOR_PASSWORD && {
  type: 'credentials',
  users: async (name) => (name === admin.username ? admin : null),
  authenticate: async (name, password) =>
    name === admin.username && sameText(password, env.LLM_IOT_EDITOR_PASSWORD) ? admin : null,
};

// A page of another site can have its name lead to 127.0.0.1 and so reach what has no password; the name betrays it.
const hostOf = ({ headers }) =>
  URL.canParse(`http://${headers.host}`) && new URL(`http://${headers.host}`).hostname;
const localOnly = (req, res, next) => {
  if (['127.0.0.1', 'localhost', '[::1]'].includes(hostOf(req))) next();
  else res.status(403).end('The editor is for this machine: open it as http://127.0.0.1');
};

// HTTPS with TLS 1.3, when LLM_IOT_TLS is on; the hub exchanges the certificate when its files change.
let https;
try {
  https = httpsOptionsFrom(env, dataDir);
} catch (error) {
  console.error(`The hub does not start: ${error.message}`);
  process.exit(1);
}

const settings = {
  uiHost: host,
  uiPort: Number(env.LLM_IOT_HTTP_PORT || 1880),
  userDir: dataDir,
  flowFile,
  flowFilePretty: true,
  ...(https && { https }),
  ...(adminAuth ? { adminAuth } : { httpAdminMiddleware: localOnly }),
  credentialSecret: readFileSync(secretFile, 'utf8').trim(),
  logging: { console: { level: 'info', metrics: false, audit: false } },
  diagnostics: { enabled: false, ui: false },
  telemetry: { enabled: false, updateNotification: false },
  runtimeState: { enabled: false, ui: false },
  externalModules: { autoInstall: false, palette: { allowInstall: true } },
  paletteCategories: [
    'LLM IoT',
    'subflows',
    'common',
    'function',
    'network',
    'sequence',
    'parser',
    'storage',
  ],
  editorTheme: {
    // The editor looks nothing up on the internet by itself. To search for more nodes in the palette manager, put
    // 'https://catalogue.nodered.org/catalogue.json' here.
    palette: { catalogues: [] },
    tours: false,
    page: { title: 'LLM-IoT hub' },
    header: { title: 'LLM-IoT hub' },
  },
  functionExternalModules: false,
  exportGlobalContextKeys: false,
};

// Node-RED loads this file by require() and changes what it gets, so it gets the object itself.
export { settings as 'module.exports' };
