-- What wrk sends. Arguments: the key, the scenario, and how many users there are.
local key, scenario, users, number, headers, start

local function traits(n)
  return string.format(
    '{"plan":"pro","role":"admin","company":"Company %d","teamSize":%d,"signupDate":"2025-08-15T09:30:00Z",' ..
    '"country":"DE","emailVerified":true,"score":%d.5}', n % 5000, n % 900, n % 100)
end

local function user(id, n)
  return string.format('{"id":"%s","email":"user%d@example.com","name":"User %d","traits":%s}', id, n, n, traits(n))
end

function init(args)
  key, scenario, users = args[1], args[2], tonumber(args[3])
  start = args[4]
  number = 0
  headers = {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json"}
end

function request()
  number = number + 1
  if scenario == "empty" then return wrk.format("GET", "/v1/empty") end
  if scenario == "unchanged" then
    local n = (number * 7919) % users
    return wrk.format("POST", "/v1/identify", headers, user("user_" .. n, n))
  end
  if scenario == "new" then
    return wrk.format("POST", "/v1/identify", headers, user(start .. "_" .. number, number))
  end
  local messages = {}
  for place = 1, 500 do
    messages[place] = user(start .. "_" .. number .. "_" .. place, place)
  end
  return wrk.format("POST", "/v1/batch", headers, '{"batch":[' .. table.concat(messages, ",") .. "]}")
end
