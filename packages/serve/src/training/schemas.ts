import * as v from 'valibot';

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(300));
const cursor = v.pipe(v.string(), v.maxLength(60));
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Of `POST /training/api/poll`. */
export const PollBody = v.strictObject({
  since: whole,
  wait: v.pipe(v.number(), v.minValue(0), v.maxValue(20)),
  wants: v.pipe(
    v.array(
      v.strictObject({
        keys: v.pipe(v.array(name), v.maxLength(50)),
        points: v.pipe(whole, v.minValue(10), v.maxValue(1024)),
        runs: v.record(name, cursor),
      }),
    ),
    v.maxLength(50),
  ),
  focus: v.optional(v.strictObject({ run: name, cursor })),
});

/** Of what is asked of a run. */
export const RunBody = v.strictObject({ run: name });

export const TitleBody = v.strictObject({ run: name, title: v.pipe(v.string(), v.maxLength(200)) });

export const SessionBody = v.strictObject({ token: v.string() });

export const PictureQuery = v.object({ run: name, row: v.pipe(v.string(), v.digits()) });
