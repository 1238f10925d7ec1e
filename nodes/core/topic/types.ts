/** A topic of the tree (specification section 5.2), taken apart. */
export type Topic =
  | { branch: 'telemetry' | 'status' | 'command-request' | 'command-response'; deviceId: string }
  | { branch: 'announce' | 'query' }
  | { branch: 'discovery-response'; clientId: string }
  | { branch: 'alert-error' | 'alert-warning' };

export type TopicBranch = Topic['branch'];
