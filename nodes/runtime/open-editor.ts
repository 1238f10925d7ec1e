const loopback = new Set(['127.0.0.1', 'localhost', '::1']);

/** What of Node-RED's settings decides whether strangers can reach the editor. */
export interface EditorSettings {
  uiHost?: string;
  adminAuth?: unknown;
  httpAdminRoot?: unknown;
  disableEditor?: boolean;
}

/**
 * Whoever can deploy a flow can do all the hub can, so a hub does not start beside an editor that anybody on the
 * network may use.
 * @throws Error that says how to set a password
 */
export function refuseOpenEditor(settings: object): void {
  const { uiHost, adminAuth, httpAdminRoot, disableEditor } = settings as EditorSettings;
  const reachable = uiHost === undefined || !loopback.has(uiHost);
  if (!reachable || adminAuth || httpAdminRoot === false || disableEditor) return;
  throw new Error(
    `the editor is open to everybody who reaches ${uiHost ?? '0.0.0.0'}: set LLM_IOT_EDITOR_PASSWORD ` +
      '(npm start), or adminAuth in the Node-RED settings, or bind to 127.0.0.1 with uiHost / LLM_IOT_HOST',
  );
}
