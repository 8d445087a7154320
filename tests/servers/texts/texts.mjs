// Prints the texts that Grafana shows for a dashboard, by Grafana's own @grafana/data, without a browser.
//
// Reads from stdin {dashboard, answers}: `answers` has the result of each query by "PANEL-ID/REF-ID", as Prometheus
// returned it. Prints a list of panels: {title, type, none, columns, rows} with a text and a colour for each cell, and
// where a gauge of the column ends. A row of a panel without columns is one series, with its name and its last value.
import { readFileSync } from 'node:fs';
import { firstValueFrom } from 'rxjs';
import {
  FieldConfigOptionsRegistry, FieldType, applyFieldOverrides, createTheme, displayNameOverrideProcessor,
  formattedValueToString, getFieldDisplayName, getFieldDisplayValues, identityOverrideProcessor, numberOverrideProcessor,
  standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor, transformDataFrame,
  unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';

const { dashboard, answers } = JSON.parse(readFileSync(0, 'utf8'));
const theme = createTheme({ colors: { mode: 'dark' } });
const transformers = [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()];
standardTransformersRegistry.setInit(() => transformers.map((each) => ({
  id: each.id, name: each.name, transformation: () => Promise.resolve(each), editor: () => null,
})));

const option = (id, process = identityOverrideProcessor) => ({
  id, path: id, name: id, process, editor: () => null, override: () => null, shouldApply: () => true, settings: {},
});
const custom = (name) => ({ ...option(name), id: `custom.${name}`, isCustom: true });
const registry = new FieldConfigOptionsRegistry(() => [
  option('unit', unitOverrideProcessor), option('min', numberOverrideProcessor), option('max', numberOverrideProcessor),
  option('decimals', numberOverrideProcessor), option('displayName', displayNameOverrideProcessor), option('color'),
  option('noValue'), option('mappings', valueMappingsOverrideProcessor),
  option('thresholds', thresholdsOverrideProcessor), option('fieldMinMax'), option('links'),
  ...['width', 'minWidth', 'cellOptions'].map(custom),
]);

const panels = dashboard.panels.flatMap((panel) => (panel.type === 'row' ? panel.panels ?? [] : [panel]));
const replaced = (text) => String(text);
const number = (text) => ({ '+Inf': Infinity, '-Inf': -Infinity, NaN: NaN })[text] ?? Number(text);
const legend = (format, labels) => format.replace(/{{\s*(.+?)\s*}}/g, (_, label) => labels[label] ?? '');

// Returns the frames that Grafana's Prometheus data source makes of the answers to a panel.
function frames(panel) {
  const asked = panel.targets.map((target) => [target, answers[`${panel.id}/${target.refId}`]]);
  const tables = asked.filter(([target, series]) => target.format === 'table' && series.length).length;
  return asked.flatMap(([target, series]) => {
    const { refId } = target;
    if (target.format !== 'table') {
      return series.map(({ metric, values, value }) => {
        const points = values ?? [value];
        const config = { displayNameFromDS: legend(target.legendFormat, metric) };
        return { refId, length: points.length, fields: [
          { name: 'Time', type: FieldType.time, config: {}, values: points.map(([at]) => at * 1000) },
          { name: 'Value', type: FieldType.number, labels: metric, config, values: points.map(([, text]) => number(text)) },
        ] };
      });
    }
    if (!series.length) return [];
    const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric).sort()))];
    const values = series.map(({ value }) => number(value[1]));
    return [{ refId, length: series.length, fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: series.map(({ value }) => value[0] * 1000) },
      ...labels.map((name) => (
        { name, type: FieldType.string, config: {}, values: series.map(({ metric }) => metric[name] ?? '') }
      )),
      // With a result of one query only, the column is named "Value".
      { name: tables > 1 ? `Value #${refId}` : 'Value', type: FieldType.number, config: {}, values },
    ] }];
  });
}

const cell = (display) => ({ text: formattedValueToString(display), color: display.color ?? '' });

async function texts(panel) {
  const raw = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames(panel), { interpolate: replaced }));
  const fieldConfig = structuredClone(panel.fieldConfig);
  const overridden = fieldConfig.overrides.flatMap((override) => override.properties)
    .filter(({ id }) => id === 'thresholds').map(({ value }) => value);
  for (const { steps } of [fieldConfig.defaults.thresholds, ...overridden].filter(Boolean)) {
    for (const step of steps) step.value ??= -Infinity;
  }
  const shared = { fieldConfig, replaceVariables: replaced, theme, timeZone: 'utc' };
  const series = applyFieldOverrides({ data: raw, fieldConfigRegistry: registry, ...shared });
  const panelTexts = { title: panel.title, type: panel.type, none: fieldConfig.defaults.noValue, columns: [], rows: [] };
  const shown = series.filter((frame) => frame.length);
  if (panel.type === 'stat' && shown.length) {
    const { reduceOptions } = panel.options;
    panelTexts.rows = getFieldDisplayValues({ ...shared, reduceOptions, data: series })
      .map(({ display }) => [{ text: display.title ?? '', color: '' }, cell(display)]);
  } else if (panel.type === 'table') {
    const [frame] = shown;
    const fields = frame?.fields ?? [];
    panelTexts.columns = fields.map((field) => (
      { name: getFieldDisplayName(field, frame), max: field.state?.range?.max ?? field.config.max ?? null }
    ));
    panelTexts.rows = Array.from({ length: frame?.length ?? 0 }, (_, row) => (
      fields.map((field) => cell(field.display(field.values[row])))
    ));
  } else {
    panelTexts.rows = shown.map((frame) => {
      const [, field] = frame.fields;
      return [{ text: getFieldDisplayName(field, frame, series), color: '' }, cell(field.display(field.values.at(-1)))];
    });
  }
  return panelTexts;
}

Promise.all(panels.map(texts)).then((all) => console.log(JSON.stringify(all)));
