;; Unpacks the module that ships: see pack.rs, which puts in what stands in capitals.
;;
;; memory = lanes: where each goes on, the packed module's end · codes: where the parts of each lie ·
;;          parts · the lanes · the module
(module
  (memory (export "memory") PAGES)
  (global (export "start") i32 (i32.const START))
  (data (i32.const 0) "DATA")

  ;; Writes the module from `start` on. Gives its end.
  (func (export "unpack") (result i32)
    (local $out i32) (local $text i32) (local $functions i32) (local $start i32)
    (local $code i32) (local $parts i32) (local $from i32) (local $left i32)
    (local $lane i32) (local $cursor i32) (local $byte i32)
    (local.set $out (i32.const START))
    (local.set $text (i32.load (i32.const TEXT)))
    (local.set $functions (i32.const FUNCTIONS))

    ;; Where the parts of each code lie.
    (local.set $code (i32.const CODES))
    (local.set $from (i32.const PARTS))
    (loop $each_code
      (i32.store (local.get $code) (local.get $from))
      (local.set $left (i32.load8_u (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (block $done
        (loop $each_part
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (local.set $from
            (i32.add
              (i32.add (local.get $from) (i32.load8_u (local.get $from)))
              (i32.const 2)))
          (br $each_part)))
      (local.set $code (i32.add (local.get $code) (i32.const 4)))
      (br_if $each_code (i32.lt_u (local.get $code) (i32.const PARTS))))

    ;; What is before the code.
    (local.set $from (i32.load (i32.const 0)))
    (local.set $left (i32.sub (i32.load (i32.const 4)) (local.get $from)))
    (memory.copy (local.get $out) (local.get $from) (local.get $left))
    (local.set $out (i32.add (local.get $out) (local.get $left)))

    (loop $each_function
      ;; There is room for the function's size, which has five bytes at most.
      (local.set $start (i32.add (local.get $out) (i32.const 5)))
      (local.set $out (local.get $start))

      ;; Its locals: how many pairs of numbers, and these.
      (local.set $cursor (i32.load (i32.const 4)))
      (local.set $left
        (i32.add (i32.shl (i32.load8_u (local.get $cursor)) (i32.const 1)) (i32.const 1)))
      (loop $each_byte
        (local.set $byte (i32.load8_u (local.get $cursor)))
        (i32.store8 (local.get $out) (local.get $byte))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (local.set $cursor (i32.add (local.get $cursor) (i32.const 1)))
        (local.set $left
          (i32.sub (local.get $left) (i32.lt_u (local.get $byte) (i32.const 128))))
        (br_if $each_byte (local.get $left)))
      (i32.store (i32.const 4) (local.get $cursor))

      (loop $each_code
        (local.set $code (i32.load8_u (local.get $text)))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (local.set $from
          (i32.load offset=CODES (i32.shl (local.get $code) (i32.const 2))))
        (local.set $parts (i32.load8_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (loop $each_part
          ;; Bytes as they are. What is written behind them is written over.
          (local.set $left (i32.load8_u (local.get $from)))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (if (i32.gt_u (local.get $left) (i32.const 8))
            (then (memory.copy (local.get $out) (local.get $from) (local.get $left)))
            (else (i64.store (local.get $out) (i64.load (local.get $from)))))
          (local.set $out (i32.add (local.get $out) (local.get $left)))
          (local.set $from (i32.add (local.get $from) (local.get $left)))
          ;; A number from a lane, or none.
          (local.set $lane (i32.load8_u (local.get $from)))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (if (local.get $lane)
            (then
              (local.set $lane (i32.shl (local.get $lane) (i32.const 2)))
              (local.set $cursor (i32.load (local.get $lane)))
              (loop $each_byte
                (local.set $byte (i32.load8_u (local.get $cursor)))
                (i32.store8 (local.get $out) (local.get $byte))
                (local.set $out (i32.add (local.get $out) (i32.const 1)))
                (local.set $cursor (i32.add (local.get $cursor) (i32.const 1)))
                (br_if $each_byte (i32.gt_u (local.get $byte) (i32.const 127))))
              (i32.store (local.get $lane) (local.get $cursor))))
          (local.set $parts (i32.sub (local.get $parts) (i32.const 1)))
          (br_if $each_part (local.get $parts)))
        (br_if $each_code (local.get $code)))

      ;; Its size, and the function right behind it.
      (local.set $left (i32.sub (local.get $out) (local.get $start)))
      (local.set $cursor (i32.sub (local.get $start) (i32.const 5)))
      (local.set $byte (local.get $left))
      (loop $each_byte
        (i32.store8 (local.get $cursor)
          (i32.or
            (local.get $byte)
            (i32.shl (i32.gt_u (local.get $byte) (i32.const 127)) (i32.const 7))))
        (local.set $byte (i32.shr_u (local.get $byte) (i32.const 7)))
        (local.set $cursor (i32.add (local.get $cursor) (i32.const 1)))
        (br_if $each_byte (local.get $byte)))
      (memory.copy (local.get $cursor) (local.get $start) (local.get $left))
      (local.set $out (i32.add (local.get $cursor) (local.get $left)))
      (local.set $functions (i32.sub (local.get $functions) (i32.const 1)))
      (br_if $each_function (local.get $functions)))

    ;; What is after the code.
    (local.set $from (i32.load (i32.const AFTER)))
    (local.set $left (i32.sub (i32.load offset=4 (i32.const AFTER)) (local.get $from)))
    (memory.copy (local.get $out) (local.get $from) (local.get $left))
    (i32.add (local.get $out) (local.get $left))))
