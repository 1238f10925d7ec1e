// What the forms of all the hub's nodes share. Every form asks Node-RED for this file with a script tag, which is
// the one way that holds in whatever order Node-RED loads forms; the first time counts.
(function () {
  if (RED.llmIot) return;

  const textOf = (node, key) => (node._def ?? node)._(`${node.type}.${key}`);
  const shared = (key, values) =>
    RED._(`@llm-iot/node-red-hub/hub:llm-iot-hub.editor.${key}`, values);

  $(`<style>
    .form-row select.llm-iot-wide { width: 70%; }
    .form-row input[type='text'].llm-iot-short { width: 100px; margin-right: 6px; }
    .form-row label.llm-iot-check { display: inline-flex; align-items: center; gap: 7px; width: auto; margin: 0; cursor: pointer; }
    .form-row label.llm-iot-check.llm-iot-indent { margin-left: 104px; }
    .form-row label.llm-iot-check input { width: auto; margin: 0; flex: none; }
    .llm-iot-checklist { display: inline-grid; grid-template-columns: 1fr 1fr; gap: 2px 12px; width: 70%; }
    .llm-iot-json-editor { height: 300px; min-height: 120px; }
    .llm-iot-problem { min-height: 20px; margin-top: 4px; color: var(--red-ui-text-color-error, #ad1625); }
    .llm-iot-note { margin: -4px 0 12px 104px; color: var(--red-ui-secondary-text-color, #666); font-size: 0.9em; line-height: 1.35; }
    .llm-iot-note.llm-iot-full { margin-left: 0; }
    .llm-iot-tabs { margin-bottom: 14px; }
    .llm-iot-tabbed { min-width: 540px; }
    .llm-iot-tabbed .llm-iot-tabs a.red-ui-tab-label { padding-left: 8px; padding-right: 4px; }
    .llm-iot-tabbed [data-tab] .form-row > label:first-child:not(.llm-iot-check) { width: 128px; }
    .llm-iot-tabbed .llm-iot-note:not(.llm-iot-full) { margin-left: 132px; }
    .llm-iot-tabbed .form-row label.llm-iot-check.llm-iot-indent { margin-left: 132px; }
  </style>`).appendTo('head');

  // Texts on the palette and the workspace

  /** The name on the palette. */
  function paletteLabel() {
    return textOf(this, 'palette');
  }

  /**
   * A node's label: its name, else what it is set to do, else the name on the palette.
   * @param field a select of the form whose chosen option says what the node does
   */
  function labelBy(field) {
    return function () {
      if (this.name) return this.name;
      return this[field] ? textOf(this, `${field}.${this[field]}`) : textOf(this, 'palette');
    };
  }

  /** A node's label: its name, else the text in one of its fields, else the name on the palette. */
  function labelFrom(field) {
    return function () {
      return this.name || this[field] || textOf(this, 'palette');
    };
  }

  function labelStyle() {
    return this.name ? 'node_label_italic' : '';
  }

  function inputLabels() {
    return textOf(this, 'input');
  }

  function outputLabels(index) {
    return textOf(this, `outputs.${index}`);
  }

  // What a new node starts with

  /** Picks the hub for a node that was just dragged in, when there is no choice. */
  function onadd() {
    if (this.hub) return;
    const hubs = [];
    RED.nodes.eachConfig((config) => {
      if (config.type === 'llm-iot-hub' && (!config.z || config.z === this.z)) hubs.push(config);
    });
    if (hubs.length !== 1) return;
    this.hub = hubs[0].id;
  }

  // Validators: true, or a sentence that says what is wrong

  /** JSON text of an object or, in JSON Schema's short form, of true and false. */
  function validJson(text) {
    const problem = jsonProblem(text);
    return problem === undefined || problem;
  }

  /** JSON text of a list. */
  function validJsonList(text) {
    const problem = jsonProblem(text, true);
    return problem === undefined || problem;
  }

  function jsonProblem(text, list = false) {
    try {
      const value = JSON.parse(text);
      if (list) return Array.isArray(value) ? undefined : shared('problem.not_a_list');
      if (typeof value === 'boolean') return undefined;
      const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
      return isObject ? undefined : shared('problem.not_a_schema');
    } catch (error) {
      return shared('problem.not_json', { reason: error.message });
    }
  }

  /** A number between two bounds; an environment variable may stand in its place. */
  function validNumber({ min = 0, max = Infinity, whole = true, blank = false } = {}) {
    return (value) => {
      if (value === '' || value === undefined || value === null)
        return blank || shared('problem.number');
      if (/^\$\{[^}]+\}$/.test(value)) return true;
      const number = Number(value);
      const fits = number >= min && number <= max && (!whole || Number.isInteger(number));
      if (fits) return true;
      return max === Infinity
        ? shared('problem.number_from', { min })
        : shared('problem.number_between', { min, max });
    };
  }

  /** A validator's sentence, by its key. */
  const problem = (key) => shared(`problem.${key}`);

  function validPath(path) {
    return /^\/[\w./~-]*$/.test(path) || shared('problem.path');
  }

  // Forms

  /** The JSON editors of the forms that are open, by node: forms of config nodes open on top of others. */
  const openEditors = new WeakMap();
  const editorsOf = (node) => openEditors.get(node) ?? [];

  /** Rows with data-show-when="field:value,value" are there only while the field has one of the values. */
  function prepareConditions(prefix) {
    $('[data-show-when]').each((_, row) => {
      const [field, values] = row.dataset.showWhen.split(':');
      const input = $(`#${prefix}-${field}`);
      const update = () => {
        const value = input.is(':checkbox') ? String(input.prop('checked')) : input.val();
        $(row).toggle(values.split(',').includes(value));
      };
      input.on('change input', update);
      update();
    });
  }

  /** A list with several choices is shown as check boxes; the list itself stays the field that is saved. */
  function prepareChecklists() {
    $('select.llm-iot-choices').each((_, select) => {
      const list = $('<div class="llm-iot-checklist"></div>').insertAfter($(select).hide());
      for (const option of select.options) {
        const box = $('<input type="checkbox">').prop('checked', option.selected);
        box.on('change', () => {
          option.selected = box.prop('checked');
          $(select).trigger('change');
        });
        const text = $('<span></span>').attr('data-i18n', option.dataset.i18n);
        $('<label class="llm-iot-check"></label>').append(box, text).appendTo(list).i18n();
      }
    });
  }

  const indented = (text) => {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const sameJson = (left, right) => {
    try {
      return JSON.stringify(JSON.parse(left)) === JSON.stringify(JSON.parse(right));
    } catch {
      return left === right;
    }
  };

  /** JSON editors: an element with data-json-of="field" beside the hidden field that is saved. */
  function prepareJsonEditors(node, prefix) {
    const editors = $('[data-json-of]')
      .get()
      .map((element) => {
        const input = $(`#${prefix}-${element.dataset.jsonOf}`);
        const isList = 'jsonList' in element.dataset;
        const editor = RED.editor.createEditor({
          id: element.id,
          mode: 'ace/mode/json',
          value: indented(input.val()),
        });
        const problem = $('<div class="llm-iot-problem"></div>').insertAfter(element);
        const check = () => problem.text(jsonProblem(editor.getValue(), isList) ?? '');
        editor.getSession().on('change', check);
        check();
        return { editor, input, field: element.dataset.jsonOf };
      });
    openEditors.set(node, editors);
  }

  /** Tabs of a form: the panes are the children of one element, each with data-tab="id" and a text. */
  function prepareTabs(node) {
    const list = $('ul.llm-iot-tabs');
    if (list.length === 0) return;
    list.closest('form').addClass('llm-iot-tabbed');
    const panes = $('[data-tab]');
    const tabs = RED.tabs.create({
      element: list,
      onchange(tab) {
        panes.hide();
        $(`[data-tab="${tab.id}"]`).show();
        for (const { editor } of editorsOf(node)) editor.resize();
      },
    });
    panes.each((_, pane) => {
      const { tab } = pane.dataset;
      tabs.addTab({ id: tab, label: textOf(node, `tab.${tab}`) });
    });
    tabs.activateTab(panes[0].dataset.tab);
  }

  function oneditprepare() {
    const prefix = this._def.category === 'config' ? 'node-config-input' : 'node-input';
    prepareConditions(prefix);
    prepareChecklists();
    prepareJsonEditors(this, prefix);
    prepareTabs(this);
  }

  function oneditcancel() {
    for (const { editor } of editorsOf(this)) editor.destroy();
    openEditors.delete(this);
  }

  /** Text that says the same as before is left as it was, so that looking at a form changes nothing. */
  function oneditsave() {
    for (const { editor, input } of editorsOf(this)) {
      const text = editor.getValue();
      if (!sameJson(text, input.val())) input.val(text);
    }
    oneditcancel.call(this);
  }

  function oneditresize() {
    for (const { editor } of editorsOf(this)) editor.resize();
  }

  /** The text in a JSON editor as it stands. */
  function jsonText(node, field) {
    return editorsOf(node)
      .find((each) => each.field === field)
      ?.editor.getValue();
  }

  RED.llmIot = {
    paletteLabel,
    labelBy,
    labelFrom,
    labelStyle,
    inputLabels,
    outputLabels,
    onadd,
    validJson,
    validJsonList,
    jsonText,
    validNumber,
    validPath,
    problem,
    textOf,
    oneditprepare,
    oneditsave,
    oneditcancel,
    oneditresize,
  };
})();
