import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { createMethodTable } from '../../../nodes/core/rpc/method-table.ts';
import type { MethodDeclaration } from '../../../nodes/core/rpc/types.ts';
import { admin, method } from '../../support/rpc-rig.ts';

const handler = (): void => undefined;

const refuses = (declaration: MethodDeclaration, field: string): void => {
  assert.throws(
    () => createMethodTable().declare(declaration, handler),
    (error: unknown) =>
      error instanceof RpcError && error.code === -32602 && error.details['field'] === field,
  );
};

describe('the method table', () => {
  it('keeps a method until it is withdrawn, and tells listeners of both', () => {
    const table = createMethodTable();
    let changes = 0;
    const unlisten = table.onChange(() => (changes += 1));
    const withdraw = table.declare(method('b.c'), handler);
    table.declare(method('a'), handler);
    assert.deepEqual(table.names(), ['a', 'b.c']);
    assert.equal(table.get('b.c')?.name, 'b.c');
    withdraw();
    withdraw();
    assert.equal(table.get('b.c'), undefined);
    assert.equal(changes, 3);
    unlisten();
    table.declare(method('d'), handler);
    assert.equal(changes, 3);
  });

  it('lets a name be declared once only, and again after its withdrawal', () => {
    const table = createMethodTable();
    const withdrawFirst = table.declare(method('m'), handler);
    assert.throws(() => table.declare(method('m'), handler), /declared already/);
    withdrawFirst();
    table.declare(method('m'), handler);
    withdrawFirst();
    assert.deepEqual(table.names(), ['m']);
  });

  it('lists what a principal may call, sorted', () => {
    const table = createMethodTable();
    table.declare(method('z.read', { roles: ['llm_read', 'llm_write'] }), handler);
    table.declare(method('a.write', { roles: ['llm_write'] }), handler);
    table.declare(method('hub.health', { roles: [], open: true }), handler);
    const names = (...args: Parameters<typeof table.list>) =>
      table.list(...args).map(({ name }) => name);
    assert.deepEqual(names({ id: 'k', role: 'llm_read' }), ['hub.health', 'z.read']);
    assert.deepEqual(names(admin), ['a.write', 'hub.health', 'z.read']);
    assert.deepEqual(names(undefined), ['hub.health']);
  });

  it('refuses names that no client could call or that JSON-RPC reserves', () => {
    for (const name of [
      '',
      'a b',
      '.a',
      'a..b',
      '1a',
      'é',
      '__proto__',
      'a'.repeat(129),
      'rpc.mine',
    ]) {
      refuses(method(name), 'name');
    }
    createMethodTable().declare(method('rpc.methods'), handler);
  });

  it('refuses unusable schemas, roles and timeouts, saying which', () => {
    refuses(method('m', { params: { type: 'objct' } }), 'params');
    refuses(method('m', { params: { type: 'array' } }), 'params');
    refuses(method('m', { params: { $ref: 'https://example.org/x' } }), 'params');
    refuses(method('m', { result: { type: 'nothing' } }), 'result');
    refuses(method('m', { roles: ['king' as 'llm_read'] }), 'roles');
    refuses(method('m', { timeoutMs: 0 }), 'timeoutMs');
    refuses(method('m', { timeoutMs: NaN }), 'timeoutMs');
  });
});
