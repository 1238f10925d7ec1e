/** Values kept by topic name or topic filter, found without looking at all of them. */
export interface TopicTree<T> {
  get(topic: string): T | undefined;
  set(topic: string, value: T): void;
  delete(topic: string): void;
  /** The values of the filters that match a topic name. */
  matching(topic: string): T[];
  /** The values of the topic names that a filter matches. */
  matchedBy(filter: string): Generator<T>;
}

interface Branch<T> {
  value: T | undefined;
  /** By level; made when the first is needed, as most branches end here. */
  children: Map<string, Branch<T>> | undefined;
}

const newBranch = <T>(): Branch<T> => ({ value: undefined, children: undefined });

/** What the broker says of itself: a wildcard at the first level does not match it [MQTT-4.7.2-1]. */
const isOfBroker = (firstLevel: string): boolean => firstLevel.startsWith('$');

export function createTopicTree<T>(): TopicTree<T> {
  const root = newBranch<T>();

  const find = (topic: string): Branch<T> | undefined => {
    let branch: Branch<T> | undefined = root;
    for (const level of topic.split('/')) branch = branch?.children?.get(level);
    return branch;
  };
  const prune = (branch: Branch<T>, levels: readonly string[], depth: number): void => {
    const level = levels[depth];
    if (level === undefined) {
      branch.value = undefined;
      return;
    }
    const child = branch.children?.get(level);
    if (!child) return;
    prune(child, levels, depth + 1);
    if (child.value === undefined && !child.children) branch.children?.delete(level);
    if (branch.children?.size === 0) branch.children = undefined;
  };

  return {
    get: (topic) => find(topic)?.value,
    set(topic, value) {
      let branch = root;
      for (const level of topic.split('/')) {
        branch.children ??= new Map();
        let child = branch.children.get(level);
        if (!child) branch.children.set(level, (child = newBranch()));
        branch = child;
      }
      branch.value = value;
    },
    delete: (topic) => prune(root, topic.split('/'), 0),
    matching(topic) {
      const found: T[] = [];
      if (root.children) collect(root, topic.split('/'), 0, found);
      return found;
    },
    *matchedBy(filter) {
      const [first, ...others] = filter.split('/');
      if (first !== '+' && first !== '#') {
        yield* walk(root, [first ?? '', ...others], 0);
        return;
      }
      for (const [level, branch] of root.children ?? []) {
        if (!isOfBroker(level)) yield* walk(branch, first === '#' ? ['#'] : others, 0);
      }
    },
  };
}

function collect<T>(branch: Branch<T>, levels: readonly string[], depth: number, to: T[]): void {
  const level = levels[depth];
  const { children } = branch;
  const hidden = depth === 0 && level !== undefined && isOfBroker(level);
  const all = hidden ? undefined : children?.get('#')?.value;
  if (all !== undefined) to.push(all);
  if (level === undefined) {
    if (branch.value !== undefined) to.push(branch.value);
    return;
  }
  const any = hidden ? undefined : children?.get('+');
  if (any) collect(any, levels, depth + 1, to);
  const same = children?.get(level);
  if (same) collect(same, levels, depth + 1, to);
}

function* walk<T>(branch: Branch<T>, levels: readonly string[], depth: number): Generator<T> {
  const level = levels[depth];
  if ((level === undefined || level === '#') && branch.value !== undefined) yield branch.value;
  if (level === undefined) return;
  if (level === '#' || level === '+') {
    const below = level === '#' ? depth : depth + 1;
    for (const child of branch.children?.values() ?? []) yield* walk(child, levels, below);
    return;
  }
  const child = branch.children?.get(level);
  if (child) yield* walk(child, levels, depth + 1);
}
