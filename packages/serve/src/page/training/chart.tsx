import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type ChartOptions, chartData, type Line } from './chart-data.js';
import { formatNumber, formatSeconds, shown } from './format.js';

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly options: ChartOptions;
  /** Lines are percentages. */
  readonly percent: boolean;
}

const HEIGHT = 240;
/** Lines up to which all are named below, and drawn beside what was before smoothing. */
const FEW = 8;

/** Points up to which each is drawn: one alone makes no line. */
const SPARSE = 12;

function isSparse({ points }: Line): boolean {
  return points.x.length <= SPARSE;
}

/** Lines over steps or time: dragging goes closer, a double click back. */
export function Chart({ title, lines, options, percent }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const zoomed = useRef(false);
  const [hover, setHover] = useState<{ readonly i: number; readonly y: number }>();
  const theme = useTheme();
  const data = useMemo(() => chartData(lines, options), [lines, options]);
  const raw = options.smooth > 0 && lines.length <= FEW;
  const columns = useMemo(
    () => [data.x, ...(raw ? data.raw : []), ...data.y] as unknown as uPlot.AlignedData,
    [data, raw],
  );
  const shape = JSON.stringify([
    lines.map((line) => [line.label, line.colour, line.dash, isSparse(line)]),
    [raw, options.logX, options.logY, options.x, percent, theme],
  ]);
  const latest = useRef({ data, lines });
  latest.current = { data, lines };

  useEffect(() => {
    const element = box.current!;
    zoomed.current = false;
    const style = getComputedStyle(element);
    const [ink, grid, bad] = ['--faint', '--grid', '--bad'].map((name) => style.getPropertyValue(name));
    const axis = { stroke: ink!, grid: { stroke: grid!, width: 1 }, ticks: { stroke: grid!, width: 1 }, font: FONT };
    const series = (line: Line, faint: boolean): uPlot.Series => ({
      label: line.label,
      stroke: faint ? `color-mix(in srgb, ${line.colour} 28%, transparent)` : line.colour,
      width: lines.length > 40 ? 1 : 1.6,
      dash: [...line.dash],
      points: { show: !faint && isSparse(line), size: 5 },
      spanGaps: false,
    });
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { points: { show: lines.length <= FEW }, y: false },
        scales: {
          x: { time: false, distr: options.logX ? 3 : 1, ...(options.logX && { range: logRange }) },
          y: { distr: options.logY ? 3 : 1, range: options.logY ? logRange : linearRange },
        },
        axes: [
          { ...axis, size: 32, values: (_, ticks) => ticks.map((tick) => xText(tick, options.x)) },
          { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => yText(tick, percent)) },
        ],
        series: [
          {},
          ...(raw ? lines.map((line) => series(line, true)) : []),
          ...lines.map((line) => series(line, false)),
        ],
        hooks: {
          setCursor: [
            ({ cursor, posToVal }) => {
              const { idx, top } = cursor;
              setHover(typeof idx === 'number' && (top ?? -1) >= 0 ? { i: idx, y: posToVal(top!, 'y') } : undefined);
            },
          ],
          setSelect: [
            ({ select }) => {
              if (select.width > 0) zoomed.current = true;
            },
          ],
          draw: [(u) => drawBad(u, latest.current.data.bad, latest.current.lines, bad!)],
        },
      },
      columns,
      element,
    );
    plot.current = made;
    const back = () => {
      zoomed.current = false;
    };
    made.over.addEventListener('dblclick', back);
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [shape]);

  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else if (zoomed.current) {
      plot.current?.setData(columns, false);
      plot.current?.redraw();
    } else plot.current?.setData(columns);
  }, [columns]);

  const notes = [
    ...(data.below > 0 ? [`${data.below} values at or below 0 are not shown on a logarithmic axis`] : []),
    ...lines.flatMap(({ label }, i) =>
      data.bad[i]!.length > 0 && lines.length <= FEW
        ? [`${label}: not finite at ${data.bad[i]!.length} steps (▲)`]
        : [],
    ),
  ];
  return (
    <>
      <div ref={box} class="plot" role="img" aria-label={`${title}: ${summary(lines, percent)}`} />
      <Legend lines={lines} data={data} hover={hover} percent={percent} x={options.x} />
      {notes.map((note) => (
        <p key={note} class="note">
          {shown(note)}
        </p>
      ))}
    </>
  );
}

const FONT = '12px system-ui, sans-serif';

interface LegendProps {
  readonly lines: readonly Line[];
  readonly data: ReturnType<typeof chartData>;
  readonly hover: { readonly i: number; readonly y: number } | undefined;
  readonly percent: boolean;
  readonly x: ChartOptions['x'];
}

/** Names and values: of all lines where they are few, else of those nearest to the pointer. */
function Legend({ lines, data, hover, percent, x }: LegendProps) {
  const at = hover?.i ?? data.x.length - 1;
  const valued = lines.map((line, i) => ({ line, value: valueBefore(data.y[i]!, at) }));
  const near = (value: number | undefined) => (value === undefined || !hover ? 0 : Math.abs(value - hover.y));
  const named =
    lines.length <= FEW
      ? valued
      : hover
        ? valued
            .filter(({ value }) => value !== undefined)
            .sort((a, b) => near(a.value) - near(b.value))
            .slice(0, FEW)
        : [];
  return (
    <ul class="legend">
      {data.x.length > 0 && (
        <li class="at">
          {x === 'time' ? formatSeconds(data.x[at] ?? 0) : `step ${formatNumber(data.x[at] ?? 0)}`}
          {lines.length > FEW && !hover && ` · ${lines.length} lines; point at one for its name`}
        </li>
      )}
      {named.map(({ line, value }) => (
        <li key={line.label}>
          <svg width="18" height="8" aria-hidden="true">
            <line
              x1="0"
              x2="18"
              y1="4"
              y2="4"
              stroke={line.colour}
              stroke-width="3"
              stroke-dasharray={line.dash.join()}
            />
          </svg>
          <bdi>{shown(line.label)}</bdi> <b>{value === undefined ? '–' : yText(value, percent)}</b>
        </li>
      ))}
    </ul>
  );
}

function valueBefore(column: readonly (number | null | undefined)[], at: number): number | undefined {
  for (let i = at; i >= 0; i--) {
    const value = column[i];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

function summary(lines: readonly Line[], percent: boolean): string {
  const last = ({ label, points }: Line) => {
    const value = valueBefore(points.y, points.y.length - 1);
    return `${label} ${value === undefined ? 'without a value' : yText(value, percent)}`;
  };
  return lines.length > FEW ? `${lines.length} lines` : shown(lines.map(last).join(', '));
}

function yText(value: number, percent: boolean): string {
  return percent ? `${formatNumber(100 * value)} %` : formatNumber(value);
}

function xText(tick: number, x: ChartOptions['x']): string {
  if (x === 'steps') return tick === null ? '' : formatNumber(tick);
  return tick >= 3600
    ? `${formatNumber(tick / 3600)} h`
    : tick >= 60
      ? `${formatNumber(tick / 60)} min`
      : `${formatNumber(tick)} s`;
}

/** Room around the values, also where all are equal. */
function linearRange(_: uPlot, least: number | null, most: number | null): uPlot.Range.MinMax {
  if (least === null || most === null) return [0, 1];
  const room = (most - least) * 0.06 || Math.abs(most) * 0.1 || 1;
  // what is above zero is not drawn as if it could be below
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

/** The same for a logarithmic axis: both ends above 0 and apart, without which ticks have no end. */
function logRange(_: uPlot, least: number | null, most: number | null): uPlot.Range.MinMax {
  if (least === null || most === null || !(most > 0)) return [0.1, 1];
  const low = least > 0 ? least : most / 1e6;
  return [low / 1.15, most * 1.15];
}

/** Triangles at the foot of the chart, where something was not finite. */
function drawBad(u: uPlot, bad: readonly (readonly number[])[], lines: readonly Line[], colour: string): void {
  if (lines.length > FEW) return;
  const { ctx, bbox } = u;
  const size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour;
  for (const places of bad) {
    for (const place of places) {
      const x = u.valToPos(place, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const y = bbox.top + bbox.height;
      ctx.beginPath();
      ctx.moveTo(x, y - 2 * size);
      ctx.lineTo(x + size, y);
      ctx.lineTo(x - size, y);
      ctx.fill();
    }
  }
  ctx.restore();
}

/** Changes where the browser goes from light to dark, which canvases do not see. */
function useTheme(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const look = () => setDark(query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  return dark;
}
