// Draws a dashboard with Grafana's own libraries @grafana/data and @grafana/ui, from the answers of a Prometheus.
//
// Expects window.SHOWN = {dashboard, answers, from, to, theme, width}: `answers` has {step, result} by
// "PANEL-ID/REF-ID". Tables, figures and lines are Grafana's. Grafana does not publish its panels for states over
// time as a library, so they are boxes drawn here. The title of the document becomes "done".
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import {
  FieldConfigOptionsRegistry, FieldType, ThemeContext, applyFieldOverrides, applyNullInsertThreshold, createTheme, dataLinksOverrideProcessor,
  dateTime, displayNameOverrideProcessor, formattedValueToString, getDisplayValueAlignmentFactors,
  getFieldDisplayName, getFieldDisplayValues, identityOverrideProcessor, numberOverrideProcessor,
  standardEditorsRegistry, standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor,
  transformDataFrame, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries, VizLegend } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const { dashboard, answers, from, to, theme: mode, width: pageWidth } = window.SHOWN;
const theme = createTheme({ colors: { mode } });
// Grafana's grid: 24 columns, and rows of 30 px with gaps of 8 px.
const MARGIN = 16, TITLE = 48, ROW = 30, GAP = 8, COLUMN = (pageWidth - 2 * MARGIN + GAP) / 24;
const LEGEND = 30, AXIS = 24;

const transformers = [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()];
standardTransformersRegistry.setInit(() => transformers.map((each) => ({
  id: each.id, name: each.name, transformation: () => Promise.resolve(each), editor: () => null,
})));
standardEditorsRegistry.setInit(() => []);

const option = (id, process = identityOverrideProcessor) => ({
  id, path: id, name: id, process, editor: () => null, override: () => null, shouldApply: () => true, settings: {},
});
const custom = (name) => ({ ...option(name), id: `custom.${name}`, isCustom: true });
const registry = new FieldConfigOptionsRegistry(() => [
  option('unit', unitOverrideProcessor), option('min', numberOverrideProcessor), option('max', numberOverrideProcessor),
  option('decimals', numberOverrideProcessor), option('displayName', displayNameOverrideProcessor), option('color'),
  option('noValue'), option('mappings', valueMappingsOverrideProcessor), option('fieldMinMax'),
  option('thresholds', thresholdsOverrideProcessor), option('links', dataLinksOverrideProcessor),
  ...['width', 'minWidth', 'cellOptions', 'align', 'lineWidth', 'fillOpacity', 'fillBelowTo', 'lineStyle',
    'lineInterpolation', 'showPoints', 'axisSoftMax', 'drawStyle', 'scaleDistribution', 'thresholdsStyle', 'spanNulls'].map(custom),
]);

const same = (text) => String(text);
const number = (text) => ({ '+Inf': Infinity, '-Inf': -Infinity, NaN: NaN })[text] ?? Number(text);
const legend = (format, labels) => format.replace(/{{\s*(.+?)\s*}}/g, (_, label) => labels[label] ?? '');

// Returns the frames that Grafana's Prometheus data source makes of the answers to a panel.
function frames(panel) {
  const asked = panel.targets.map((target) => [target, answers[`${panel.id}/${target.refId}`]]);
  const tables = asked.filter(([target, { result }]) => target.format === 'table' && result.length).length;
  return asked.flatMap(([{ format, legendFormat, refId }, { result, step }]) => {
    if (format !== 'table') {
      return result.map(({ metric, values, value }) => {
        const points = values ?? [value];
        const config = { displayNameFromDS: legend(legendFormat, metric) };
        return { refId, length: points.length, fields: [
          { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: points.map(([at]) => at * 1000) },
          { name: 'Value', type: FieldType.number, labels: metric, config, values: points.map(([, text]) => number(text)) },
        ] };
      });
    }
    if (!result.length) return [];
    const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric).sort()))];
    return [{ refId, length: result.length, fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: result.map(({ value }) => value[0] * 1000) },
      ...labels.map((name) => (
        { name, type: FieldType.string, config: {}, values: result.map(({ metric }) => metric[name] ?? '') }
      )),
      { name: tables > 1 ? `Value #${refId}` : 'Value', type: FieldType.number, config: {}, values: result.map(({ value }) => number(value[1])) },
    ] }];
  });
}

async function prepared(panel) {
  const data = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames(panel), { interpolate: same }));
  const fieldConfig = structuredClone(panel.fieldConfig);
  const overridden = fieldConfig.overrides.flatMap(({ properties }) => properties)
    .filter(({ id }) => id === 'thresholds').map(({ value }) => value);
  for (const { steps } of [fieldConfig.defaults.thresholds, ...overridden].filter(Boolean)) {
    for (const step of steps) step.value ??= -Infinity;
  }
  const shared = { fieldConfig, replaceVariables: same, theme, timeZone: 'utc' };
  const series = applyFieldOverrides({ data, fieldConfigRegistry: registry, ...shared }).filter((frame) => frame.length);
  return { panel, shared, series };
}

function Figures({ panel, shared, series, width, height }) {
  const { options } = panel;
  const values = getFieldDisplayValues({ ...shared, reduceOptions: options.reduceOptions, data: series });
  return values.map((value, index) => (
    <BigValue key={index} theme={theme} count={values.length} value={value.display} width={width} height={height}
      colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode ?? 'auto'}
      textMode={options.textMode} alignmentFactors={getDisplayValueAlignmentFactors(values)} />
  ));
}

function Table({ panel, shared, series, width, height }) {
  // The table shows and sorts by the names that this computes.
  series[0].fields.forEach((field) => getFieldDisplayName(field, series[0], series));
  return (
    <TableNG data={series[0]} width={width} height={height} sortBy={panel.options.sortBy} structureRev={1}
      fieldConfig={shared.fieldConfig} enableVirtualization={false} cellHeight="sm" />
  );
}

function Lines({ panel, series, width, height }) {
  const [start, end] = [dateTime(from), dateTime(to)];
  return (
    <TimeSeries frames={series.map((frame) => applyNullInsertThreshold({ frame }))} width={width} height={height} timeZone="utc" structureRev={1}
      timeRange={{ from: start, to: end, raw: { from: start, to: end } }} legend={panel.options.legend} />
  );
}

const measure = (() => {
  const context = document.createElement('canvas').getContext('2d');
  return (text) => { context.font = '12px Inter'; return context.measureText(text).width; };
})();

// Returns the boxes of one series: neighbours with the same text are one box, except in a history.
function boxes(frame, history) {
  const [times, values] = frame.fields, step = times.config.interval, merged = [];
  times.values.forEach((at, index) => {
    const display = values.display(values.values[index]);
    const box = { at, until: at + step, text: formattedValueToString(display), color: display.color };
    const last = merged.at(-1);
    if (!history && last?.text === box.text && at - last.until < step / 2) last.until = box.until;
    else merged.push(box);
  });
  return merged;
}

function States({ panel, series, width, height }) {
  const history = panel.type === 'status-history';
  const rows = series.map((frame) => ({ name: getFieldDisplayName(frame.fields[1], frame, series), boxes: boxes(frame, history) }));
  const states = new Map(rows.flatMap((row) => row.boxes.map(({ text, color }) => [text, color])));
  const left = Math.max(...rows.map(({ name }) => measure(name))) + 14, bottom = height - LEGEND;
  const high = (bottom - AXIS) / rows.length, x = (at) => left + Math.max(0, Math.min(1, (at - from) / (to - from))) * (width - left);
  const count = Math.max(2, Math.min(6, Math.floor((width - left) / 130)));
  const ticks = Array.from({ length: count }, (_, tick) => from + ((to - from) * (tick + 0.5)) / count);
  return (
    <>
      <svg width={width} height={bottom} fontSize="12">
        {rows.map((row, index) => (
          <g key={index} transform={`translate(0 ${index * high})`}>
            <text x={left - 8} y={high / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>{row.name}</text>
            {row.boxes.map(({ at, until, text, color }) => {
              const begin = x(at), size = Math.max(x(until) - begin - (history ? 1 : 0), 0.5);
              return (
                <g key={at}>
                  <rect x={begin} y={high * 0.1} width={size} height={high * 0.8} fill={color} fillOpacity={0.75} />
                  {!history && measure(text) + 8 < size && <text x={begin + 4} y={high / 2 + 4} fill={theme.colors.getContrastText(color)}>{text}</text>}
                </g>
              );
            })}
          </g>
        ))}
        {ticks.map((at) => (
          <text key={at} x={x(at)} y={bottom - 6} textAnchor="middle" fill={theme.colors.text.primary}>
            {new Date(at).toISOString().slice(5, 16).replace('T', ' ')}
          </text>
        ))}
      </svg>
      <VizLegend displayMode="list" placement="bottom" items={[...states].map(([label, color]) => ({ label, color, yAxis: 1 }))} />
    </>
  );
}

const KINDS = { stat: Figures, table: Table, timeseries: Lines, 'state-timeline': States, 'status-history': States };

function Panel({ panel, shared, series, place }) {
  const Kind = KINDS[panel.type], { width, height } = place;
  // Only a figure is large without data, too.
  const none = <div style={{ textAlign: 'center', paddingTop: height / 2 - 40, fontSize: panel.type === 'stat' ? 28 : 14 }}>{panel.fieldConfig.defaults.noValue}</div>;
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
      {(innerWidth, innerHeight) => (series.length ? <Kind {...{ panel, shared, series }} width={innerWidth} height={innerHeight} /> : none)}
    </PanelChrome>
  );
}

async function draw() {
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 16px Inter`)));
  const shown = await Promise.all(dashboard.panels.filter(({ type }) => type !== 'row').map(prepared));
  const rows = dashboard.panels.filter(({ type }) => type === 'row');
  // Folded rows are the last ones; they follow each other.
  let bottom = Math.max(...shown.map(({ panel: { gridPos: { y, h } } }) => y + h));
  for (const row of rows.filter(({ collapsed }) => collapsed)) row.gridPos = { ...row.gridPos, y: bottom++ };
  const place = ({ x, y, w, h }) => ({
    position: 'absolute', left: MARGIN + x * COLUMN, top: TITLE + y * (ROW + GAP), width: w * COLUMN - GAP, height: h * (ROW + GAP) - GAP,
  });
  const page = { position: 'relative', width: pageWidth, height: TITLE + bottom * (ROW + GAP) + GAP, background: theme.colors.background.canvas, color: theme.colors.text.primary };
  document.body.style.margin = 0;
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={page}>
        <div style={{ padding: '12px 16px', fontSize: 18, fontWeight: 500 }}>{dashboard.title}</div>
        {rows.map(({ id, title, collapsed, gridPos }) => (
          <div key={id} style={{ ...place(gridPos), fontSize: 16, fontWeight: 500 }}>{collapsed ? '›' : '⌄'} {title}</div>
        ))}
        {shown.map((each) => {
          const box = place(each.panel.gridPos);
          return <div key={each.panel.id} style={box}><Panel {...each} place={box} /></div>;
        })}
      </div>
    </ThemeContext.Provider>,
  );
  setTimeout(() => { document.title = 'done'; }, 1500);
}

draw().catch((error) => { document.title = `failed: ${error.stack}`; });
