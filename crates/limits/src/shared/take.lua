-- Spends what one decision is to spend, of all its quotas or of none. See order.rs for who calls this and why.
--
-- KEYS: where each charge is counted. ARGV[1]: what to do ("take", "charge" or "give back"); then ten words for each charge:
--   "r", strength, price, depth, extra, ceiling   (quotas that come back one by one; each number as two words)
--   "f", strength, cost, count, extra, ceiling, first end, second end, third end, -   (quotas by the calendar)
-- and, in ARGV after all of them, what this gateway knows of each charge if the server has forgotten it: two words each.
-- Out: 1 if it was spent, the server's seconds and microseconds, and of each charge what was held before: debt, or end and
-- what was spent.
--
-- Time is the server's, so that clocks of gateways need not agree. Numbers are doubles, exact up to 2^53: nanoseconds of a
-- century do not fit, so every time is two numbers, whole microseconds and the nanoseconds beyond them.

local WORDS = 10

local clock = redis.call('TIME')
local second, microsecond = tonumber(clock[1]), tonumber(clock[2])
local now = second * 1000000 + microsecond

local function add(micros, nanos, more_micros, more_nanos)
  micros, nanos = micros + more_micros, nanos + more_nanos
  if nanos >= 1000 then
    return micros + 1, nanos - 1000
  end
  return micros, nanos
end

local function is_within(micros, nanos, most_micros, most_nanos)
  return micros < most_micros or (micros == most_micros and nanos <= most_nanos)
end

local function pair(text)
  if not text then
    return nil
  end
  local first, rest = string.match(text, '^(%d+) (%d+)$')
  return tonumber(first), tonumber(rest)
end

-- The key lives a moment longer than what it holds: whoever finds it gone knows that it was forgotten.
local function write(key, first, rest, micros_left)
  local text = string.format('%.0f %.0f', first, rest)
  redis.call('SET', key, text, 'PX', string.format('%.0f', math.ceil(micros_left / 1000) + 1))
end

local function rewrite(key, first, rest)
  redis.call('SET', key, string.format('%.0f %.0f', first, rest), 'KEEPTTL')
end

local doing = ARGV[1]
local floors = 1 + #KEYS * WORDS
local charges = {}
local is_refused = false

for i = 1, #KEYS do
  local at = 1 + (i - 1) * WORDS
  local word = function(n) return tonumber(ARGV[at + n]) end
  local charge = { kind = ARGV[at + 1], is_enforced = ARGV[at + 2] == 'enforce' }
  local first, rest = pair(redis.call('GET', KEYS[i]))
  local floor, floor_rest = tonumber(ARGV[floors + 2 * i - 1]), tonumber(ARGV[floors + 2 * i])
  if charge.kind == 'r' then
    local price, price_nanos, depth, depth_nanos = word(3), word(4), word(5), word(6)
    local debt, debt_nanos = floor, floor_rest
    if first then
      debt, debt_nanos = 0, 0
      if first >= now then
        debt, debt_nanos = first - now, rest
      end
    end
    -- A clock that stepped back must not lock anybody out for longer than an empty bucket does.
    if not is_within(debt, debt_nanos, depth, depth_nanos) then
      debt, debt_nanos = depth, depth_nanos
    end
    charge.before, charge.before_rest = debt, debt_nanos
    charge.after, charge.after_rest = add(debt, debt_nanos, price, price_nanos)
    charge.fits = is_within(charge.after, charge.after_rest, depth, depth_nanos)
    if doing == 'charge' and not charge.fits then
      charge.after, charge.after_rest, charge.fits = depth, depth_nanos, true
    end
    charge.spends = price > 0 or price_nanos > 0
    -- A lease: more at once for a gateway that will need it, as long as there is plenty.
    local extra, extra_nanos = add(charge.after, charge.after_rest, word(7), word(8))
    if doing == 'take' and is_within(extra, extra_nanos, word(9), word(10)) then
      charge.after, charge.after_rest = extra, extra_nanos
    end
    charge.key_is_known = first ~= nil
    charge.price, charge.price_nanos = price, price_nanos
    charge.held, charge.held_nanos = first, rest
  else
    local cost, count, extra, ceiling = word(3), word(4), word(5), word(6)
    local ends, spent = first, rest
    if not first or ends <= second then
      spent = floor
      if first then
        spent = 0
      end
      -- The server's clock says which day it is, however the gateway's differs.
      ends = second + word(9) - word(8)
      for n = 9, 7, -1 do
        if word(n) > second then
          ends = word(n)
        end
      end
    end
    charge.before, charge.before_rest = ends, spent
    charge.fits = spent + cost <= count
    charge.after = spent + cost
    if doing == 'charge' and not charge.fits then
      charge.after, charge.fits = math.max(count, spent), true
    end
    charge.spends = cost > 0
    if doing == 'take' and charge.after + extra <= ceiling then
      charge.after = charge.after + extra
    end
    charge.ends, charge.cost, charge.key_is_known = ends, cost, first ~= nil
  end
  charge.floor_counts = floor > 0 or (charge.kind == 'r' and floor_rest > 0)
  if charge.is_enforced and not charge.fits then
    is_refused = true
  end
  charges[i] = charge
end

local reply = { is_refused and 0 or 1, second, microsecond }
for i, charge in ipairs(charges) do
  if doing == 'give back' then
    -- What is gone needs nothing back. The life of the key stays: other gateways remember it for as long.
    if charge.key_is_known and charge.kind == 'f' then
      rewrite(KEYS[i], charge.ends, math.max(charge.before_rest - charge.cost, 0))
    elseif charge.key_is_known then
      local micros, nanos = charge.held - charge.price, charge.held_nanos - charge.price_nanos
      if nanos < 0 then
        micros, nanos = micros - 1, nanos + 1000
      end
      rewrite(KEYS[i], math.max(micros, 0), micros < 0 and 0 or nanos)
    end
  elseif not is_refused and charge.fits and charge.spends then
    if charge.kind == 'r' then
      write(KEYS[i], now + charge.after, charge.after_rest, charge.after + 1)
    else
      write(KEYS[i], charge.ends, charge.after, charge.ends * 1000000 - now)
    end
  elseif not charge.key_is_known and charge.floor_counts then
    -- Nothing is spent, and what was forgotten is known again: to the other gateways too.
    if charge.kind == 'r' then
      write(KEYS[i], now + charge.before, charge.before_rest, charge.before + 1)
    else
      write(KEYS[i], charge.ends, charge.before_rest, charge.ends * 1000000 - now)
    end
  end
  reply[#reply + 1] = charge.before
  reply[#reply + 1] = charge.before_rest
end
return reply
