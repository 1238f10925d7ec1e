import assert from 'node:assert/strict';
import { createMethodTable } from '../../../nodes/core/rpc/method-table.ts';
import {
  countTools,
  inputSchemaOf,
  outputSchemaOf,
  toolNamed,
  toolsFor,
} from '../../../nodes/core/tool/tools.ts';
import { admin, method } from '../../support/rpc-rig.ts';

const ignore = (): void => undefined;

describe('methods as tools', () => {
  it('are those that are ticked, with _ for each dot, sorted, and of equal names the first', () => {
    const methods = createMethodTable();
    methods.declare(method('room.light.on', { tool: true }), ignore);
    methods.declare(method('room.light_on', { tool: true }), ignore);
    methods.declare(method('alert.list', { tool: true }), ignore);
    methods.declare(method('device.list'), ignore);
    assert.deepEqual(
      toolsFor(methods, admin).map(({ name, declaration }) => [name, declaration.name]),
      [
        ['alert_list', 'alert.list'],
        ['room_light_on', 'room.light.on'],
      ],
    );
    assert.equal(toolNamed(methods, 'room_light_on')?.declaration.name, 'room.light.on');
    assert.equal(toolNamed(methods, 'device_list'), undefined);
    assert.equal(toolNamed(methods, 'device.list'), undefined);
    assert.equal(countTools(methods), 3);
  });

  it('are nothing to whom role or scope do not admit', () => {
    const methods = createMethodTable();
    methods.declare(method('test.read', { tool: true }), ignore);
    methods.declare(method('test.write', { tool: true, roles: ['llm_write'] }), ignore);
    const namesFor = (principal: Parameters<typeof toolsFor>[1]): string[] =>
      toolsFor(methods, principal).map(({ name }) => name);
    assert.deepEqual(namesFor({ id: 'r', role: 'llm_read' }), ['test_read']);
    assert.deepEqual(namesFor({ id: 'w', role: 'llm_write', scope: { methods: ['x.*'] } }), []);
    assert.deepEqual(namesFor(undefined), []);
  });

  it('take an object, and tell a schema of their result only where it is one of an object', () => {
    assert.deepEqual(inputSchemaOf(method('a.b', { params: {} })), { type: 'object' });
    assert.equal(outputSchemaOf(method('a.b', { result: {} })), undefined);
    assert.equal(outputSchemaOf(method('a.b', { result: { type: 'array' } })), undefined);
    const result = { type: 'object', required: ['x'] };
    assert.deepEqual(outputSchemaOf(method('a.b', { result })), result);
  });
});
